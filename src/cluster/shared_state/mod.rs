//! Shared state: named, bounded maps of which every node has a copy.
//!
//! - [`exchange`] is what goes to the backplane and comes from it, [`replica`] one node's copy, and [`sync`] the task
//!   that writes and reads.
//! - [`state`] is one map as the game has it, [`maps`] all of a node, and [`changed`] what the game hears.
//!
//! The game reads and writes the copy, and never waits.

mod changed;
mod exchange;
mod limits;
mod maps;
mod replica;
mod state;
mod sync;
#[cfg(test)]
mod tests;

pub use changed::{RefusedWrite, SharedStateChanged};
pub use exchange::{
    StateChanges, StateCondition, StateEntry, StateMap, StatePosition, StateWrite, StateWritten,
    WhenFull,
};
pub(crate) use limits::Sharing;
pub use limits::{SharedStateError, SharedStateLimits};
pub(crate) use maps::SharedStates;
pub use state::{SharedEntry, SharedState, SharedStateCounters, StateVersion};
pub(super) use sync::run;
