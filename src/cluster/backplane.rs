//! What a fleet shares, as a trait: the control log with the list of the barred, seats, tickets, and
//! frames between nodes.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::shared_state::{StateChanges, StateMap, StatePosition, StateWrite, StateWritten};
use crate::{
    config::DuplicateLogin,
    identity::{ConnectionId, UserId},
    revocation::{Decision, Revocation, StoreError, Subject},
};

/// What the nodes share could not be reached, or did not understand. The words are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the backplane failed: {0}")]
pub struct BackplaneError(pub String);

impl From<BackplaneError> for StoreError {
    fn from(error: BackplaneError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What a [`Backplane`] returns.
pub type BackplaneFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, BackplaneError>> + Send + 'a>>;

/// One run of one node: a random name that no other run has.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub(crate) Arc<str>);

impl NodeId {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn random() -> Result<Self, BackplaneError> {
        getrandom::u64()
            .map(|number| Self(format!("{number:016x}").into()))
            .map_err(|error| BackplaneError(error.to_string()))
    }

    /// The name as text: 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the control log. Later entries have greater ones.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct LogPosition {
    /// The first part: in Redis, milliseconds.
    pub major: u64,
    /// What tells entries with the same first part apart.
    pub minor: u64,
}

/// A decision on its way to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Unique within the node. The same number again is the same decision, tried again.
    pub number: u64,
    /// The node that decided.
    pub node: NodeId,
    /// What was decided.
    pub decision: Decision,
}

/// An entry of the control log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Where it stands.
    pub position: LogPosition,
    /// How long it had stood there when it was read, by the backplane's clock.
    pub age: Duration,
    /// What was decided. `None` stands for something that cannot be understood.
    pub issue: Option<Issue>,
}

/// What [`Backplane::read`] found.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// The entries in their order.
    pub entries: Vec<LogEntry>,
    /// Whether there was nothing more when it was asked.
    pub complete: bool,
    /// Whether entries before these are lost, so that the list has to be read as a whole.
    pub gap: bool,
}

/// A part of the list of the barred.
#[derive(Debug, Clone, Default)]
pub struct ListPage {
    /// Subjects with their entries.
    pub subjects: Vec<(Subject, Vec<Revocation>)>,
    /// Where to go on; `None` after the last page.
    pub next: Option<u64>,
}

/// One session of a user, in the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The node that has it.
    pub node: NodeId,
    /// Its number there.
    pub connection: ConnectionId,
    /// The user whose session it is.
    pub user: UserId,
}

/// A seat that a node has taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSeat {
    /// The seat.
    pub seat: Seat,
    /// How long ago the session began.
    pub age: Duration,
}

/// Where a seat is among those of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatPlace {
    /// How many of the user's seats began earlier, by the backplane's clock.
    pub place: usize,
    /// How many the user has.
    pub of: usize,
}

/// Asks for a seat.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The seat.
    pub seat: Seat,
    /// What happens to the user's other sessions.
    pub policy: DuplicateLogin,
    /// Sessions that a user may have in the fleet.
    pub sessions: usize,
    /// The user's sessions on this node, this one included.
    pub held_here: usize,
    /// Replacements across nodes that a user may make in a minute.
    pub replacements_per_minute: usize,
    /// Whether the player is in now, so that where the policy
    /// [replaces](DuplicateLogin::replaces), the others leave. Before, it is only asked whether they may be
    /// replaced.
    pub entered: bool,
    /// How long the seat is kept unless it is renewed.
    pub lifetime: Duration,
}

/// The answer to a [`Claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The seat is taken.
    Yes,
    /// The user has as many sessions as allowed.
    Full,
    /// The user was replaced too often; again in so long.
    TooOften(Duration),
}

/// What nodes share. [`InProcessBackplane`](crate::InProcessBackplane) is for tests and examples,
/// `RedisBackplane` for a fleet.
///
/// Every method may be called at any time and by several tasks at once, and answers or fails within a
/// time of its own choosing, a few seconds at most.
pub trait Backplane: Send + Sync + 'static {
    /// Changes the list as the decision says and appends it to the log, both or neither, and returns
    /// only once both are as durable as they get. A number that was issued before changes nothing.
    fn issue<'a>(&'a self, issue: &'a Issue) -> BackplaneFuture<'a, LogPosition>;

    /// The position of the log's last entry.
    fn tail(&self) -> BackplaneFuture<'_, LogPosition>;

    /// A number that stays the same for as long as nothing of the list was lost, and is another one afterwards.
    fn epoch(&self) -> BackplaneFuture<'_, u64>;

    /// The list, page by page: everything that was in it during all the time is on one of the pages.
    fn list(&self, cursor: Option<u64>) -> BackplaneFuture<'_, ListPage>;

    /// The entries of these subjects, as they stand now.
    fn barred<'a>(&'a self, subjects: &'a [Subject]) -> BackplaneFuture<'a, Vec<Revocation>>;

    /// The log after a position. Waits this long for an entry; an empty answer says that there was none.
    fn read(&self, after: LogPosition, wait: Duration) -> BackplaneFuture<'_, LogBatch>;

    /// Takes a seat, atomically over the fleet. Other seats of the claim's own node do not count: each node
    /// counts its own. A session that is replaced is told by the log ([`Decision::Replace`]).
    fn claim<'a>(&'a self, claim: &'a Claim) -> BackplaneFuture<'a, Claimed>;

    /// Keeps these seats for longer, also when they were lost: then they began as long ago as is said. Answers for each
    /// where it is by now, so that a node ends those that are too many after it was cut off.
    fn renew<'a>(
        &'a self,
        seats: &'a [HeldSeat],
        lifetime: Duration,
    ) -> BackplaneFuture<'a, Vec<SeatPlace>>;

    /// Gives these seats up.
    fn release<'a>(&'a self, seats: &'a [Seat]) -> BackplaneFuture<'a, ()>;

    /// Tells how many players this node has, for as long as the lifetime.
    fn report<'a>(
        &'a self,
        node: &'a NodeId,
        players: usize,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()>;

    /// How many sessions a user has in the fleet.
    fn sessions_of<'a>(&'a self, user: &'a UserId) -> BackplaneFuture<'a, usize>;

    /// How many players the nodes reported in all.
    fn players(&self) -> BackplaneFuture<'_, usize>;

    /// Keeps a ticket under its hash for so long.
    fn put_ticket<'a>(
        &'a self,
        hash: &'a [u8; 32],
        ticket: Bytes,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()>;

    /// Takes a ticket out: of all who ask, on all nodes, one gets it.
    fn take_ticket<'a>(&'a self, hash: &'a [u8; 32]) -> BackplaneFuture<'a, Option<Bytes>>;

    /// Looks at a ticket and leaves it there.
    fn look_at_ticket<'a>(&'a self, hash: &'a [u8; 32]) -> BackplaneFuture<'a, Option<Bytes>>;

    /// Sends frames to all nodes that listen now. They may be lost.
    fn publish<'a>(&'a self, frames: &'a [Bytes]) -> BackplaneFuture<'a, ()>;

    /// Hears frames, those of this node included, until that fails.
    fn listen<'a>(&'a self, hear: &'a (dyn Fn(Bytes) + Send + Sync)) -> BackplaneFuture<'a, ()>;

    /// Whether this backplane shares state: [`write_state`](Self::write_state) and
    /// [`read_state`](Self::read_state) do what they say. Otherwise state that is to be
    /// [shared](crate::Cluster::shared_state) stays on its node, and the log says so: a node that starts later does
    /// not have it, which goes for the chat's mutes, rules, deletions and who is online where.
    fn shares_state(&self) -> bool {
        false
    }

    /// Changes entries of a map, each by itself and in this order, with an answer for each. They get versions above
    /// those of everything that the map had before.
    fn write_state<'a>(
        &'a self,
        map: &'a StateMap,
        writes: &'a [StateWrite],
    ) -> BackplaneFuture<'a, Vec<StateWritten>> {
        let _ = (map, writes);
        Box::pin(async { Err(BackplaneError("state is not shared".to_owned())) })
    }

    /// What has changed in the map of this name after a position. The whole map, in one piece, when there is none, when
    /// it is of another epoch, or when it is not known any more what was removed since.
    fn read_state<'a>(
        &'a self,
        name: &'a str,
        after: Option<StatePosition>,
    ) -> BackplaneFuture<'a, StateChanges> {
        let _ = (name, after);
        Box::pin(async { Err(BackplaneError("state is not shared".to_owned())) })
    }
}
