//! The seats that this node holds in the fleet: taken at the door, renewed, and given up with the session.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};

use super::{
    backplane::{BackplaneError, Claim, Claimed, HeldSeat, Seat, SeatPlace},
    node::{Node, unavailable},
};
use crate::{
    connection::Handle,
    identity::{ConnectionId, Refusal, RefusalKind},
    registry::{DuplicateLoginRules, Registry},
    revocation::Decision,
    util::{Backoff, Mutex, lock},
};

/// Seats that are renewed or given up with one question.
const CHUNK: usize = 512;

/// The seats of this node.
pub(crate) struct Seats {
    state: Mutex<State>,
    ended: Notify,
    waiting_limit: usize,
}

#[derive(Default)]
struct State {
    taken: HashMap<ConnectionId, Taken>,
    /// Sessions that have ended, and the backplane does not know yet.
    ended: Vec<Seat>,
}

/// A seat of this node.
struct Taken {
    seat: Seat,
    since: Instant,
    /// Whether the player is in. Until then, where logins replace each other, the seat is only asked for.
    entered: bool,
}

impl Seats {
    pub fn new(waiting_limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            ended: Notify::new(),
            waiting_limit,
        }
    }
}

/// One seat; dropping it gives it up.
pub(crate) struct SeatGuard {
    seat: Seat,
    seats: Arc<Seats>,
}

impl Drop for SeatGuard {
    fn drop(&mut self) {
        let mut state = lock(&self.seats.state);
        state.taken.remove(&self.seat.connection);
        if state.ended.len() < self.seats.waiting_limit {
            state.ended.push(self.seat.clone());
        }
        drop(state);
        self.seats.ended.notify_one();
    }
}

impl Node {
    /// Reserves a seat before the game is asked, or says why there is none.
    pub async fn reserve(
        self: &Arc<Self>,
        handle: &Handle,
        registry: &Registry,
    ) -> Result<SeatGuard, Refusal> {
        let seat = self.seat_of(handle);
        // From here on the seat is given up whatever happens, also when only the answer is lost.
        let guard = SeatGuard {
            seat: seat.clone(),
            seats: self.seats.clone(),
        };
        self.claim(seat.clone(), registry.held(handle.user_id()), false)
            .await?;
        let taken = Taken {
            seat,
            since: Instant::now(),
            entered: false,
        };
        let connection = taken.seat.connection;
        lock(&self.seats.state).taken.insert(connection, taken);
        Ok(guard)
    }

    /// The player is in: sessions of this user on other nodes leave, where the policy replaces them.
    pub async fn take_over(&self, handle: &Handle) -> Result<(), Refusal> {
        // A player who was replaced meanwhile replaces no session.
        if self.limits.duplicate_login.replaces() && handle.is_live() {
            self.claim(self.seat_of(handle), 1, true).await?;
            if let Some(taken) = lock(&self.seats.state).taken.get_mut(&handle.id) {
                (taken.entered, taken.since) = (true, Instant::now());
            }
        }
        Ok(())
    }

    fn seat_of(&self, handle: &Handle) -> Seat {
        Seat {
            node: self.id.clone(),
            connection: handle.id,
            user: handle.user_id().clone(),
        }
    }

    async fn claim(&self, seat: Seat, held_here: usize, entered: bool) -> Result<(), Refusal> {
        let rules = DuplicateLoginRules::new(&self.limits);
        let claim = Claim {
            seat,
            policy: rules.policy,
            sessions: rules.sessions,
            held_here,
            replacements_per_minute: rules.replacements_per_minute,
            entered,
            lifetime: self.options.seat_lifetime,
        };
        match self.client.ask(|backplane| backplane.claim(&claim)).await {
            Ok(Claimed::Yes) => Ok(()),
            Ok(Claimed::Full) => Err(RefusalKind::AlreadyConnected.into()),
            Ok(Claimed::TooOften(wait)) => {
                Err(Refusal::from(RefusalKind::TooManyAttempts).retry_after(wait))
            }
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

/// Renews seats and gives them up, one after the other, so that none is renewed after its end. Tells
/// also how many players there are.
pub(crate) async fn run(node: Arc<Node>, registry: Arc<Registry>) {
    let period = node.options.seat_lifetime / 3;
    let mut renewed: Option<Instant> = None;
    let mut backoff = Backoff::default();
    loop {
        let left = renewed.map_or(Duration::ZERO, |at| period.saturating_sub(at.elapsed()));
        // Those that are given up first: none is held against a session that has come in its place.
        let mut done = release(&node).await;
        if done.is_ok() && left.is_zero() {
            done = renew(&node, &registry).await;
            if done.is_ok() {
                renewed = Some(Instant::now());
            }
        }
        match done {
            Err(error) => {
                tracing::debug!(%error, "the seats of players are not known to the other nodes");
                backoff.wait().await;
            }
            Ok(()) => {
                backoff.reset();
                if lock(&node.seats.state).ended.is_empty() {
                    let _ = timeout(left, node.seats.ended.notified()).await;
                }
            }
        }
    }
}

async fn renew(node: &Node, registry: &Registry) -> Result<(), BackplaneError> {
    let lifetime = node.options.seat_lifetime;
    let rules = DuplicateLoginRules::new(&node.limits);
    for chunk in held(node, rules).chunks(CHUNK) {
        let places = node
            .client
            .ask(|backplane| backplane.renew(chunk, lifetime))
            .await?;
        for (held, SeatPlace { place, of }) in chunk.iter().zip(places) {
            if rules.is_one_too_many(place, of) && !has_given_up_another(node, &held.seat) {
                end(registry, &held.seat);
            }
        }
    }
    let players = lock(&node.seats.state).taken.len();
    node.client
        .ask(|backplane| backplane.report(&node.id, players, lifetime))
        .await
}

/// Whether a seat of the same user here has ended since, which the backplane counts still.
fn has_given_up_another(node: &Node, seat: &Seat) -> bool {
    let state = lock(&node.seats.state);
    state.ended.iter().any(|ended| ended.user == seat.user)
}

fn held(node: &Node, rules: DuplicateLoginRules) -> Vec<HeldSeat> {
    let state = lock(&node.seats.state);
    let taken = state.taken.values();
    let taken = taken.filter(|taken| taken.entered || !rules.policy.replaces());
    let held = taken.map(|taken| HeldSeat {
        seat: taken.seat.clone(),
        age: taken.since.elapsed(),
    });
    held.collect()
}

/// Nodes that were cut off have let in more sessions of a user than may be: this one of this node is too many.
fn end(registry: &Registry, seat: &Seat) {
    tracing::info!(user = %seat.user, connection = %seat.connection, "a user was in on several nodes, and this session ends");
    let replace = Decision::Replace {
        node: seat.node.as_str().into(),
        connection: seat.connection,
    };
    registry.hear(&replace, false);
}

async fn release(node: &Node) -> Result<(), BackplaneError> {
    loop {
        let chunk: Vec<Seat> = {
            let state = lock(&node.seats.state);
            state.ended.iter().take(CHUNK).cloned().collect()
        };
        if chunk.is_empty() {
            return Ok(());
        }
        node.client
            .ask(|backplane| backplane.release(&chunk))
            .await?;
        lock(&node.seats.state).ended.drain(..chunk.len());
    }
}
