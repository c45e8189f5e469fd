//! What the nodes of a fleet have in common: who is muted, what moderators decided about rooms, and which messages are
//! deleted. Without a fleet it is this node's alone.
//!
//! A decision says who decided with which rank, and it is written only over the one that it was based on: so
//! nobody undoes what somebody above has decided, from whatever node. A mute that was ended stays, as ended, for as long as
//! it would have lasted, so that no node that was away brings it back; and so does the end of a rule.

pub(crate) mod change;
pub(crate) mod mutes;
pub(crate) mod rules;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_bouncer::{Cluster, SharedState, SharedStateLimits, UserId, WhenFull};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::ChatOptions;

/// Attempts to decide while other nodes decide about the same user.
const ATTEMPTS: usize = 8;

/// See the module's documentation.
#[derive(Resource)]
pub(crate) struct SharedChat {
    decisions: SharedState,
    deletions: SharedState,
    /// For how long deletions are remembered.
    deletions_last: Duration,
    /// For how long a room's rules are.
    rules_last: Duration,
    /// Whether what the archive knows is in it.
    pub has_archive: bool,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DecisionKey {
    /// A user, in a room or everywhere.
    Mute(UserId, Option<String>),
    /// The slow mode of a room.
    Slow(String),
    /// Whether a room is frozen.
    Frozen(String),
}

impl SharedChat {
    /// Of the fleet, or of this node.
    pub fn new(cluster: Option<&Cluster>, options: &ChatOptions) -> Self {
        let recent = options.remembered_deletions;
        let (decisions, deletions) = match cluster {
            Some(cluster) => (
                cluster.shared_state("bevy_bouncer.chat.decisions"),
                cluster.recent_state("bevy_bouncer.chat.deletions", recent),
            ),
            None => (
                SharedState::local(SharedStateLimits::default()),
                SharedState::local(SharedStateLimits {
                    entries: recent,
                    when_full: WhenFull::ForgetOldest,
                    ..Default::default()
                }),
            ),
        };
        Self {
            decisions,
            deletions,
            deletions_last: options.deletions_last,
            rules_last: options.longest_mute,
            has_archive: false,
        }
    }

    /// Whether this node has had everything once.
    pub fn is_loaded(&self) -> bool {
        self.decisions.is_loaded() && self.deletions.is_loaded()
    }

    /// Waits for the backplane. What it still does not have then, by the keys of its entries.
    pub fn flush(&self, patience: Duration) -> Vec<Arc<str>> {
        let deadline = Instant::now() + patience;
        let maps = [&self.decisions, &self.deletions];
        while maps.iter().any(|map| map.waiting() > 0) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        maps.iter().flat_map(|map| map.waiting_keys()).collect()
    }

    /// Notes that a message is deleted.
    ///
    /// # Errors
    /// When too much waits to be told to the other nodes.
    pub fn delete(&self, room: &str, mid: &str) -> Result<(), ErrorCode> {
        let lasts = Some(self.deletions_last);
        let written = self.deletions.put(mid, room.to_owned(), lasts);
        written.map_err(|_| ErrorCode::Full)
    }

    /// Whether a message is known to be deleted.
    pub fn is_deleted(&self, mid: &str) -> bool {
        self.deletions.get(mid).is_some()
    }
}

fn key(key: &DecisionKey) -> Arc<str> {
    json(key).into()
}

fn json(value: &impl Serialize) -> String {
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}
