//! Taking a server out of service without hurting players.
//!
//! ```text
//! Bouncer::drain ──► door: 503 `draining`, readiness off
//!                └─► game: DrainStarted ──► players, batch by batch: Close 4000 ──► deadline: reset
//! ```
//!
//! What is decided stands in the [`DrainState`], which the door, the sessions, the game and every
//! [`Draining`] look at; one task of the server carries it out.

mod state;

pub(crate) use state::{DrainState, Order};

use std::{
    fmt,
    future::IntoFuture,
    ops::RangeInclusive,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

/// Longest deadline, and longest wait that players are told.
const LONGEST: Duration = Duration::from_secs(3600);

/// How to take the server out of service: what [`Bouncer::drain`](crate::Bouncer::drain) is asked for.
///
/// ```
/// use bevy_bouncer::Drain;
/// use std::time::Duration;
///
/// let seconds = Duration::from_secs;
/// let drain = Drain::within(seconds(60)).come_back_in(seconds(2)..=seconds(20)).then_exit();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// How long until connections that are left are reset. All players are told within three quarters of it. Default 30 s; more
    /// than [`Drain::LONGEST`] counts as that.
    pub deadline: Duration,
    /// When players are told to come back, each at another time in this range, so that they do not come
    /// all at once. Also the `Retry-After` of those who are not let in. Default 1 s to 10 s, at most
    /// [`Drain::LONGEST`].
    pub come_back_in: RangeInclusive<Duration>,
    /// The fewest players who are told at a time, which is every 50 ms, so that a few do not hold the
    /// server up. Many are spread evenly over three quarters of the deadline, in larger batches. Default 5;
    /// 0 counts as 1.
    pub batch: usize,
    /// How long newcomers are told 503 `draining`; then the listener closes, and another process can have
    /// the port. `None` (the default) is until the drain is over: a refusal says when to come back, and
    /// health checks are answered, where a closed port says nothing.
    pub refuse_for: Option<Duration>,
    /// Whether the app exits when all players have left, or at the deadline. Default no.
    pub exit: bool,
}

impl Drain {
    /// Longest deadline, and longest wait that players are told: an hour.
    pub const LONGEST: Duration = LONGEST;

    /// The defaults with this deadline.
    pub fn within(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }

    /// Sets the range of times at which players shall come back.
    pub fn come_back_in(mut self, range: RangeInclusive<Duration>) -> Self {
        self.come_back_in = range;
        self
    }

    /// Sets the fewest players who are told at a time.
    pub fn batch(mut self, players: usize) -> Self {
        self.batch = players;
        self
    }

    /// Closes the listener after this time.
    pub fn refuse_for(mut self, time: Duration) -> Self {
        self.refuse_for = Some(time);
        self
    }

    /// Makes the app exit afterwards.
    pub fn then_exit(mut self) -> Self {
        self.exit = true;
        self
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            come_back_in: Duration::from_secs(1)..=Duration::from_secs(10),
            batch: 5,
            refuse_for: None,
            exit: false,
        }
    }
}

/// A drain that is under way. Await it for its end; dropping it changes nothing.
///
/// ```
/// use bevy_bouncer::{Bouncer, Drain};
///
/// async fn empty(bouncer: &Bouncer) {
///     let report = bouncer.drain(Drain::default()).await;
///     println!("{} of {} players were reset", report.aborted, report.told);
/// }
/// ```
#[derive(Clone)]
pub struct Draining(Arc<DrainState>);

/// What has become of the players.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// Players whose session the drain ended. Who left before, or was revoked or kicked, is not counted.
    pub told: usize,
    /// Those of them who closed in order.
    pub in_order: usize,
    /// Those of them whose connection broke, or was reset because they did not answer in time.
    pub aborted: usize,
}

impl Draining {
    pub(crate) fn new(state: Arc<DrainState>) -> Self {
        Self(state)
    }

    /// Whether all players have left, in order or not.
    pub fn is_finished(&self) -> bool {
        self.0.is_over()
    }

    /// When the connections that are left are reset.
    pub fn deadline(&self) -> Instant {
        // A drain that was ordered stays ordered.
        self.0
            .order()
            .map_or_else(Instant::now, |order| order.deadline)
    }

    /// Whether the app exits afterwards.
    pub fn exits(&self) -> bool {
        self.0.order().is_some_and(|order| order.exit)
    }

    /// What has become of the players so far.
    pub fn report(&self) -> DrainReport {
        self.0.report()
    }
}

impl IntoFuture for Draining {
    type Output = DrainReport;
    type IntoFuture = Pin<Box<dyn Future<Output = DrainReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.0.ended().await;
            self.report()
        })
    }
}

impl fmt::Debug for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining")
            .field("is_finished", &self.is_finished())
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
