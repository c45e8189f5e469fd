//! Many nodes: what one of them decides holds on all of them.
//!
//! ```text
//! revoke() ─ fence here ─ journal ─► list + control log ─► other nodes: fence, list
//! handshake ─ registry.admit ─► list: barred? seat free? ─► game ─► 101
//! broadcast_everywhere ─► here at once, frames ─► other nodes (may be lost)
//! ```
//!
//! - [`backplane`] is what the nodes share; [`in_process`] and `redis` are two of them. [`client`] asks it.
//! - [`kicks`] have a line of their own, because they are about now.
//! - [`control_log`] writes to the control log, [`follower`] reads it and compares the lists.
//! - [`node`] answers the door: is this node current, is a user barred; [`seats`] has the logins of the
//!   fleet, [`ticket`] its tickets.
//! - [`shared_state`] has the maps of which every node has a copy.
//! - [`frames`] go between nodes. What the game sees of all this is in `world`.
//!
//! A handshake first has its handle in the registry and then reads the shared list. So either it sees a
//! revocation there, or the revocation comes later in the log and finds the handle.

mod backplane;
mod client;
mod control_log;
mod follower;
mod frames;
mod in_process;
mod kicks;
mod node;
mod options;
#[cfg(feature = "redis")]
mod redis;
mod seats;
mod shared_state;
mod ticket;

pub use backplane::{
    Backplane, BackplaneError, BackplaneFuture, Claim, Claimed, HeldSeat, Issue, ListPage,
    LogBatch, LogEntry, LogPosition, NodeId, Seat, SeatPlace,
};
pub(crate) use control_log::ControlLogWriter;
pub use frames::{Audience, ClusterCounters, ClusterFrame};
pub use in_process::{Faults, InProcessBackplane};
pub(crate) use node::Node;
pub use options::ClusterOptions;
#[cfg(feature = "redis")]
pub use redis::RedisBackplane;
pub use shared_state::{
    RefusedWrite, SharedEntry, SharedState, SharedStateChanged, SharedStateCounters,
    SharedStateError, SharedStateLimits, StateChanges, StateCondition, StateEntry, StateMap,
    StatePosition, StateVersion, StateWrite, StateWritten, WhenFull,
};

use std::sync::Arc;

use crate::{
    registry::Registry,
    revocation::{BarredList, Decision, Revocation},
    util::Line,
};

/// Most entries that one subject has: revoke and ban, each with and without `issued_before`.
const SHAPES: usize = 4;

/// Starts what a node does beside its players. To be called within the runtime.
pub(crate) fn start(node: &Arc<Node>, registry: Arc<Registry>, game: Line<ClusterFrame>) {
    tokio::spawn(follower::run(node.clone(), registry.clone()));
    tokio::spawn(kicks::run(node.clone()));
    tokio::spawn(seats::run(node.clone(), registry));
    tokio::spawn(frames::send(node.clone()));
    let waker = game.waker().clone();
    tokio::spawn(shared_state::run(node.clone(), waker));
    tokio::spawn(frames::receive(node.clone(), game));
}

/// The entries of a subject after a decision about it.
fn decide(
    held: Vec<Revocation>,
    decision: &Decision,
    unix_now: u64,
) -> Result<Vec<Revocation>, BackplaneError> {
    let Decision::Bar(new) = decision else {
        return Ok(Vec::new());
    };
    let mut list = BarredList::new(SHAPES);
    for entry in held.into_iter().chain([new.clone()]) {
        list.put(entry, unix_now)
            .map_err(|error| BackplaneError(error.to_string()))?;
    }
    Ok(list.of(&new.subject, unix_now))
}
