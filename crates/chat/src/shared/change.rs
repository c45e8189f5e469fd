//! What other nodes have changed.

use std::time::Duration;

use bevy_bouncer::{SharedStateChanged, SharedStateError, UserId};
use serde::Deserialize;

use super::{DecisionKey, SharedChat, mutes::MuteDecision, rules::RuleDecision};

/// Something that another node has changed.
#[derive(Debug)]
pub(crate) enum SharedChange {
    /// The decision that holds now, with how long the mute still lasts, and the one of this node that was not taken.
    Mute {
        user: UserId,
        room: Option<String>,
        held: Option<(MuteDecision, Duration)>,
        refused: Option<(MuteDecision, SharedStateError)>,
    },
    /// The same of a rule.
    Rule {
        room: String,
        held: Option<RuleDecision>,
        refused: Option<(RuleDecision, SharedStateError)>,
    },
    Deleted {
        room: String,
        mid: String,
    },
}

impl SharedChat {
    /// What a change of shared state means for the chat.
    pub fn read(&self, change: &SharedStateChanged) -> Option<SharedChange> {
        if *change.state == *self.deletions.name() {
            let room = self.deletions.get(&change.key)?.value;
            return Some(SharedChange::Deleted {
                room: String::from_utf8(room.to_vec()).ok()?,
                mid: change.key.to_string(),
            });
        }
        if *change.state != *self.decisions.name() {
            return None;
        }
        match serde_json::from_str(&change.key).ok()? {
            DecisionKey::Mute(user, room) => Some(SharedChange::Mute {
                held: self.mute_under(&change.key),
                user,
                room,
                refused: refused(change),
            }),
            DecisionKey::Slow(room) | DecisionKey::Frozen(room) => Some(SharedChange::Rule {
                room,
                held: self.rule_under(&change.key),
                refused: refused(change),
            }),
        }
    }
}

/// What this node had decided and was not taken.
fn refused<T: for<'de> Deserialize<'de>>(
    change: &SharedStateChanged,
) -> Option<(T, SharedStateError)> {
    let refused = change.refused.as_ref()?;
    let wanted = serde_json::from_slice(refused.value.as_ref()?).ok()?;
    Some((wanted, refused.error))
}
