//! What was decided about players, for stores and for the other nodes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Revocation, Subject};
use crate::identity::{ConnectionId, UserId};

/// Something that was decided about players, on one node, for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The subject is barred and its live sessions end.
    Bar(Revocation),
    /// All entries of the subject are forgotten.
    Restore(Subject),
    /// The user's live sessions end politely. Nothing is kept of it.
    Kick {
        /// The user whose sessions end.
        user: UserId,
        /// Words for the player.
        message: Option<Arc<str>>,
        /// How long ago it was decided when it was written, in milliseconds.
        #[serde(default)]
        waited_ms: u64,
    },
    /// One session ends because its user has connected to another node. Nothing is kept of it.
    Replace {
        /// The node that has the session, by [`NodeId`](crate::NodeId).
        node: Arc<str>,
        /// The session's number there.
        connection: ConnectionId,
    },
}

impl Decision {
    /// The subject whose entries the decision changes, if any.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Bar(entry) => Some(&entry.subject),
            Self::Restore(subject) => Some(subject),
            Self::Kick { .. } | Self::Replace { .. } => None,
        }
    }
}
