//! What goes between a node and the backplane about shared state.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

/// What happens to a write of a new key when a map has all the entries that it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// The entry that was written longest ago is forgotten, on all nodes.
    ForgetOldest,
}

/// Which map is meant, and what bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMap {
    /// Its name.
    pub name: Arc<str>,
    /// Entries that it may have.
    pub entries: usize,
    /// What happens when it has them.
    pub when_full: WhenFull,
}

/// What must be so for a write to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateCondition {
    /// Nothing.
    None,
    /// The entry has this version still. 0: there is none.
    Version(u64),
    /// What is there was [decided](StateEntry::decided) before this. A node that knows more than a backplane which
    /// has lost its data gives it back so; the entry then counts as decided at that time.
    DecidedBefore(u64),
}

/// A change of one entry on its way to the backplane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// A number that no other write has. The same again is the same write, tried again.
    pub id: u64,
    /// Whose.
    pub key: Arc<str>,
    /// The new value; `None` removes the entry.
    pub value: Option<Bytes>,
    /// How long it stays, by the backplane's clock; `None` for ever.
    pub lifetime: Option<Duration>,
    /// What must be so.
    pub condition: StateCondition,
}

/// What came of a [`StateWrite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateWritten {
    /// It is as durable as it gets, as this version.
    Taken {
        /// The entry's version.
        version: u64,
        /// When it was decided.
        decided: u64,
    },
    /// The condition does not hold: this is there, or nothing. A write that was taken before, of which only the
    /// answer was lost, may be answered so too: then it is its own conflict.
    Conflict(Option<StateEntry>),
    /// The map is full.
    Full,
}

/// One entry of a map as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// Its key.
    pub key: Arc<str>,
    /// Its value; `None` when it was removed.
    pub value: Option<Bytes>,
    /// Greater than that of everything that was written to the map before. Not 0.
    pub version: u64,
    /// The version that the value had first: another one than `version` after it was given back to a backplane
    /// which had lost it. Comparable also with those from before the loss.
    pub decided: u64,
    /// How long it still stays; `None` for ever.
    pub left: Option<Duration>,
    /// The [`StateWrite::id`] of the write that it comes from.
    pub id: u64,
}

/// Up to where a node has read a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatePosition {
    /// Another number once the backplane has lost the map.
    pub epoch: u64,
    /// Everything up to this version was read.
    pub version: u64,
}

/// What was read of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChanges {
    /// The entries that have changed, each as it is now, by version.
    pub entries: Vec<StateEntry>,
    /// Whether these are all that there are: no other entry counts any more.
    pub whole: bool,
    /// Up to where the map is read with this.
    pub position: StatePosition,
    /// Whether there was nothing more when it was asked.
    pub complete: bool,
}
