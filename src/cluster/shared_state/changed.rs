//! What the game hears of shared state.

use std::sync::Arc;

use bevy_ecs::message::Message;
use bytes::Bytes;

use super::limits::SharedStateError;
#[cfg(doc)]
use super::state::SharedState;

/// Another node has changed an entry of a [`SharedState`], or a write of this node was not taken.
///
/// It says which entry, and not what is in it: [`SharedState::get`] has the newest. Changes of one entry within one
/// tick are told once. That an entry has ended by its lifetime is not told.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStateChanged {
    /// The name of the map.
    pub state: Arc<str>,
    /// The key of the entry.
    pub key: Arc<str>,
    /// What this node had written and the backplane did not take. It is to be decided anew.
    pub refused: Option<RefusedWrite>,
}

/// A write that the backplane did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWrite {
    /// The value; `None` for a removal.
    pub value: Option<Bytes>,
    /// [`SharedStateError::Conflict`] when another node was faster, or [`SharedStateError::Full`].
    pub error: SharedStateError,
}
