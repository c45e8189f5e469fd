//! What was ordered, how far it has come, and who has been told.

use std::{
    collections::HashSet,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{Drain, DrainReport, LONGEST};
use crate::{
    identity::{CloseReason, ConnectionId, DisconnectReason, Refusal, RefusalKind},
    util::{Mutex, jitter, lock},
};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct DrainState {
    stage: watch::Sender<Stage>,
    players: Mutex<DrainedPlayers>,
}

#[derive(Debug, Default)]
struct Stage {
    order: Option<Order>,
    /// The game knows.
    announced: bool,
    /// The deadline is over: no socket is waited for.
    cut: bool,
    over: bool,
}

/// A [`Drain`] with its times.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub begun: Instant,
    pub deadline: Instant,
    /// When the listener closes.
    pub refuse_until: Instant,
    pub batch: usize,
    pub exit: bool,
    come_back_in: RangeInclusive<Duration>,
}

/// Players who were told to leave.
#[derive(Debug, Default)]
struct DrainedPlayers {
    report: DrainReport,
    /// Those whose connection has not ended yet.
    staying: HashSet<ConnectionId>,
}

impl Order {
    fn new(drain: Drain) -> Self {
        let begun = Instant::now();
        let deadline = begun + drain.deadline.min(LONGEST);
        let refuse_for = drain.refuse_for.unwrap_or(LONGEST).min(LONGEST);
        Self {
            begun,
            deadline,
            refuse_until: deadline.min(begun + refuse_for),
            batch: drain.batch.max(1),
            exit: drain.exit,
            come_back_in: drain.come_back_in,
        }
    }

    /// A drain can be hurried, and be made to end the app; nothing else about it changes.
    fn hurry(&mut self, again: Self) {
        self.deadline = self.deadline.min(again.deadline);
        self.refuse_until = self.refuse_until.min(again.refuse_until);
        self.exit |= again.exit;
    }

    /// When one player shall come back.
    fn come_back_in(&self) -> Duration {
        let soonest = (*self.come_back_in.start()).min(LONGEST);
        let latest = (*self.come_back_in.end()).clamp(soonest, LONGEST);
        jitter(soonest..=latest)
    }

    /// The close reason of one player, with a time of its own.
    pub fn close_reason(&self) -> CloseReason {
        let wait = self.come_back_in().as_millis();
        CloseReason {
            reason: DisconnectReason::Draining,
            message: Some(format!("come back in {wait} ms").into()),
            lasts: None,
        }
    }

    /// The answer to one newcomer, with a time of its own.
    pub fn refusal(&self) -> Refusal {
        Refusal::from(RefusalKind::Draining).retry_after(self.come_back_in())
    }
}

impl DrainState {
    /// Begins to drain, or hurries a drain that has begun. True when this was the first order.
    pub fn begin(&self, drain: Drain) -> bool {
        let ordered = Order::new(drain);
        let mut first = false;
        self.stage.send_modify(|stage| match &mut stage.order {
            Some(order) => order.hurry(ordered),
            none => {
                *none = Some(ordered);
                first = true;
            }
        });
        first
    }

    /// What was ordered.
    pub fn order(&self) -> Option<Order> {
        self.stage.borrow().order.clone()
    }

    /// Whether a drain has begun.
    pub fn is_ordered(&self) -> bool {
        self.stage.borrow().order.is_some()
    }

    /// Waits for the order.
    pub async fn ordered(&self) {
        self.reached(|stage| stage.order.is_some()).await;
    }

    /// Waits for the order; then this is the answer to a handshake that is under way.
    pub async fn turns_away(&self) -> Refusal {
        self.ordered().await;
        self.refusal()
            .unwrap_or_else(|| RefusalKind::Draining.into())
    }

    /// The answer to a newcomer, once a drain has begun.
    pub fn refusal(&self) -> Option<Refusal> {
        self.stage.borrow().order.as_ref().map(Order::refusal)
    }

    /// For the game: the deadline of a drain that it does not know of yet. From here on players may be
    /// told.
    pub fn announce(&self) -> Option<Instant> {
        if self.is_announced() || !self.is_ordered() {
            return None;
        }
        let mut deadline = None;
        self.stage.send_if_modified(|stage| {
            if let (Some(order), false) = (&stage.order, stage.announced) {
                deadline = Some(order.deadline);
                stage.announced = true;
            }
            deadline.is_some()
        });
        deadline
    }

    /// Whether the game knows.
    pub fn is_announced(&self) -> bool {
        self.stage.borrow().announced
    }

    /// Notes that the drain has ended this session. To be called before anybody can find it ended.
    pub fn tell(&self, id: ConnectionId) {
        let mut players = lock(&self.players);
        players.report.told += 1;
        players.staying.insert(id);
    }

    /// A connection has ended; only those are counted who were told.
    pub fn left(&self, id: ConnectionId, in_order: bool) {
        let mut players = lock(&self.players);
        if players.staying.remove(&id) {
            if in_order {
                players.report.in_order += 1;
            } else {
                players.report.aborted += 1;
            }
        }
    }

    /// How many of those who were told are still connected.
    pub fn staying(&self) -> usize {
        lock(&self.players).staying.len()
    }

    /// So far.
    pub fn report(&self) -> DrainReport {
        lock(&self.players).report
    }

    /// Lets no session wait for its client any more.
    pub fn cut(&self) {
        self.stage.send_modify(|stage| stage.cut = true);
    }

    /// Waits until no session may wait for its client.
    pub async fn is_cut(&self) {
        self.reached(|stage| stage.cut).await;
    }

    /// The end: a connection that is still there counts as aborted.
    pub fn finish(&self) -> DrainReport {
        let report = {
            let mut players = lock(&self.players);
            players.report.aborted += std::mem::take(&mut players.staying).len();
            players.report
        };
        self.stage.send_modify(|stage| stage.over = true);
        report
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.stage.borrow().over
    }

    /// Waits for the end.
    pub async fn ended(&self) {
        self.reached(|stage| stage.over).await;
    }

    /// Whether it has ended and the app shall end as well.
    pub fn ends_the_app(&self) -> bool {
        let stage = self.stage.borrow();
        stage.over && stage.order.as_ref().is_some_and(|order| order.exit)
    }

    async fn reached(&self, condition: impl FnMut(&Stage) -> bool) {
        // The sender is in here, so there is no error.
        let _ = self.stage.subscribe().wait_for(condition).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_second_order_may_only_hurry() {
        let drain = DrainState::default();
        assert!(drain.begin(Drain::within(10 * SECOND)));
        let first = drain.order().unwrap();
        assert!(!drain.begin(Drain::within(20 * SECOND)));
        let later = drain.order().unwrap();
        assert_eq!((later.deadline, later.exit), (first.deadline, false));
        drain.begin(Drain::within(SECOND).then_exit());
        let sooner = drain.order().unwrap();
        assert!(sooner.deadline < first.deadline && sooner.refuse_until == sooner.deadline);
        assert!(sooner.exit);
        drain.begin(Drain::within(SECOND));
        assert!(drain.order().unwrap().exit, "this cannot be taken back");
    }

    #[test]
    fn times_that_make_no_sense_are_bounded() {
        let order = Order::new(Drain::within(Duration::MAX).come_back_in(5 * SECOND..=SECOND));
        assert_eq!(order.deadline - order.begun, LONGEST);
        assert_eq!(order.come_back_in(), 5 * SECOND);
        let order = Order::new(Drain::default().come_back_in(Duration::MAX..=Duration::MAX));
        assert_eq!(order.come_back_in(), LONGEST);
        assert_eq!(
            order.close_reason().close_text(),
            "draining: come back in 3600000 ms"
        );
    }

    #[test]
    fn only_those_who_were_told_are_counted_and_each_once() {
        let drain = DrainState::default();
        let id = ConnectionId::from_u64;
        (1..=4).for_each(|number| drain.tell(id(number)));
        drain.left(id(1), true);
        drain.left(id(1), false);
        drain.left(id(2), false);
        drain.left(id(9), true);
        assert_eq!(drain.staying(), 2);
        let report = drain.finish();
        drain.left(id(3), true);
        assert_eq!(report, drain.report());
        let DrainReport {
            told,
            in_order,
            aborted,
        } = report;
        assert_eq!((told, in_order, aborted), (4, 1, 3));
    }
}
