//! The bounds of one map, and what is outside of them.

use thiserror::Error;

use super::exchange::WhenFull;
use crate::cluster::options::ClusterOptions;

/// Why something was not written to a [`SharedState`](crate::SharedState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SharedStateError {
    /// The key is longer than [`SharedStateLimits::key_bytes`].
    #[error("the key is too long")]
    KeyTooLong,
    /// The value is longer than [`SharedStateLimits::value_bytes`].
    #[error("the value is too long")]
    ValueTooLong,
    /// There are [`SharedStateLimits::entries`], here or waiting to be written.
    #[error("the map is full")]
    Full,
    /// The entry is another one by now than the decision was based on.
    #[error("the entry has changed")]
    Conflict,
}

/// The bounds of one map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedStateLimits {
    /// Entries that it may have.
    pub entries: usize,
    /// Longest key in bytes.
    pub key_bytes: usize,
    /// Longest value in bytes.
    pub value_bytes: usize,
    /// What happens to one entry more.
    pub when_full: WhenFull,
}

impl From<&ClusterOptions> for SharedStateLimits {
    fn from(options: &ClusterOptions) -> Self {
        Self {
            entries: options.shared_entries,
            key_bytes: options.shared_key_bytes,
            value_bytes: options.shared_value_bytes,
            when_full: WhenFull::Refuse,
        }
    }
}

impl Default for SharedStateLimits {
    /// Those of [`ClusterOptions::default`].
    fn default() -> Self {
        Self::from(&ClusterOptions::default())
    }
}

/// Who has a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// This process only.
    Local,
    /// All nodes, over the backplane.
    Fleet,
}
