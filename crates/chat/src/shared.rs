//! What the nodes of a fleet have in common: who is muted, what moderators decided about rooms, and which messages are
//! deleted. Without a fleet it is this node's alone.
//!
//! A mute says who decided on it with which rank, and a decision is written only over the one that it was based on: so
//! nobody undoes what somebody above has decided, from whatever node. A mute that was ended stays, as ended, for as long as
//! it would have lasted, so that no node that was away brings it back.

use std::{sync::Arc, time::Duration};

use bevy_bouncer::{
    Cluster, SharedState, SharedStateChanged, SharedStateError, SharedStateLimits, UserId, WhenFull,
};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    model::{role::MODERATOR, room::RoomRule, users::StoredMute},
    options::ChatOptions,
    protocol::{milliseconds, unix_milliseconds},
};

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
    /// The slow mode of a room, and whether it is frozen: each of its own, so that none undoes the other.
    Slow(String),
    Frozen(String),
}

/// A mute, or its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MuteDecision {
    /// What the user is called and is, as far as that is known.
    pub name: String,
    pub rank: Option<u8>,
    /// Who decided, and their rank.
    pub by: Option<UserId>,
    pub by_rank: u8,
    /// The highest rank of those whose decisions this one has taken the place of, its own included.
    #[serde(default)]
    pub outranks: u8,
    /// In unix milliseconds, by the clock of the node that decided.
    pub until: u64,
    /// For how long it is remembered after it has ended.
    pub kept_ms: u64,
    pub reason: Option<String>,
}

/// A rule of a room, as a moderator has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleDecision {
    pub rule: RoomRule,
    pub by_rank: u8,
}

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
    Rule {
        room: String,
        decision: RuleDecision,
    },
    Deleted {
        room: String,
        mid: String,
    },
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

    /// Writes a mute, or with an end in the past the end of one. The end of a mute that is not there is nothing.
    ///
    /// # Errors
    /// When somebody above has decided otherwise, or there is no place for it.
    pub fn decide(
        &self,
        user: &UserId,
        room: Option<&str>,
        wanted: MuteDecision,
    ) -> Result<(), ErrorCode> {
        let key = key(&DecisionKey::Mute(user.clone(), room.map(str::to_owned)));
        let length = Duration::from_millis(wanted.until.saturating_sub(unix_milliseconds()));
        for _ in 0..ATTEMPTS {
            let version = self.decisions.version(&key);
            let before = self.mute_under(&key);
            if length.is_zero() && before.is_none() {
                return Ok(());
            }
            if let Some((before, _)) = before.as_ref().filter(|(_, left)| !left.is_zero())
                && before.by_rank > wanted.by_rank
            {
                return Err(ErrorCode::Forbidden);
            }
            let remembered = self.decisions.get(&key).and_then(|entry| entry.left);
            let lifetime = length.max(remembered.unwrap_or_default());
            let outranked = before.map_or(0, |(before, _)| before.outranks);
            let decision = MuteDecision {
                outranks: outranked.max(wanted.by_rank),
                kept_ms: milliseconds(lifetime.saturating_sub(length)),
                ..wanted.clone()
            };
            let value = Some(json(&decision).into());
            let written = self
                .decisions
                .compare_and_put(&key, version, value, Some(lifetime));
            match written {
                Ok(()) => return Ok(()),
                Err(SharedStateError::Conflict) => {}
                Err(_) => return Err(ErrorCode::Full),
            }
        }
        Err(ErrorCode::Unavailable)
    }

    /// The decision about a user there, with how long the mute still lasts.
    pub fn mute(&self, user: &UserId, room: Option<&str>) -> Option<(MuteDecision, Duration)> {
        let key = DecisionKey::Mute(user.clone(), room.map(str::to_owned));
        self.mute_under(&self::key(&key))
    }

    fn mute_under(&self, key: &str) -> Option<(MuteDecision, Duration)> {
        let entry = self.decisions.get(key)?;
        let decision: MuteDecision = serde_json::from_slice(&entry.value).ok()?;
        let kept = Duration::from_millis(decision.kept_ms);
        let left = entry.left.unwrap_or_default().saturating_sub(kept);
        Some((decision, left))
    }

    /// Writes a rule of a room.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn set_rule(&self, room: &str, decision: &RuleDecision) -> Result<(), ErrorCode> {
        let room = room.to_owned();
        let key = key(&match decision.rule {
            RoomRule::Slow(_) => DecisionKey::Slow(room),
            RoomRule::Frozen(_) => DecisionKey::Frozen(room),
        });
        let written = self
            .decisions
            .put(&key, json(decision), Some(self.rules_last));
        written.map_err(|_| ErrorCode::Full)
    }

    /// The rules that moderators have set for the room of this name.
    pub fn rules(&self, room: &str) -> impl Iterator<Item = RoomRule> {
        let keys = [DecisionKey::Slow, DecisionKey::Frozen].map(|of| key(&of(room.to_owned())));
        let decisions = keys.into_iter().filter_map(|key| self.rule_under(&key));
        decisions.map(|decision| decision.rule)
    }

    /// What moderators have decided; nobody else's word counts.
    fn rule_under(&self, key: &str) -> Option<RuleDecision> {
        let entry = self.decisions.get(key)?;
        let decision = serde_json::from_slice(&entry.value).ok();
        decision.filter(|decision: &RuleDecision| decision.by_rank >= MODERATOR)
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
            DecisionKey::Mute(user, room) => {
                let refused = change.refused.as_ref().and_then(|refused| {
                    let wanted = serde_json::from_slice(refused.value.as_ref()?).ok()?;
                    Some((wanted, refused.error))
                });
                Some(SharedChange::Mute {
                    held: self.mute_under(&change.key),
                    user,
                    room,
                    refused,
                })
            }
            DecisionKey::Slow(room) | DecisionKey::Frozen(room) => {
                let decision = self.rule_under(&change.key)?;
                Some(SharedChange::Rule { room, decision })
            }
        }
    }
}

impl MuteDecision {
    /// A mute that a moderator decided on.
    pub fn mute(mute: &StoredMute, by: Option<UserId>) -> Self {
        Self {
            name: mute.name.clone(),
            rank: mute.rank,
            by,
            by_rank: mute.by_rank,
            outranks: mute.by_rank,
            until: mute.until,
            kept_ms: 0,
            reason: mute.reason.clone(),
        }
    }

    /// The end of one.
    pub fn end(by: Option<UserId>, by_rank: u8) -> Self {
        Self {
            name: String::new(),
            rank: None,
            by,
            by_rank,
            outranks: by_rank,
            until: 0,
            kept_ms: 0,
            reason: None,
        }
    }

    /// As it is kept by this node, by its own clock.
    pub fn stored(self, user: UserId, room: Option<String>, left: Duration) -> StoredMute {
        StoredMute {
            user,
            name: self.name,
            rank: self.rank,
            room,
            by_rank: self.by_rank,
            until: unix_milliseconds().saturating_add(milliseconds(left)),
            reason: self.reason,
        }
    }
}

fn key(key: &DecisionKey) -> Arc<str> {
    json(key).into()
}

fn json(value: &impl Serialize) -> String {
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> SharedChat {
        SharedChat::new(None, &ChatOptions::default())
    }

    fn user() -> UserId {
        UserId::new("ann").unwrap()
    }

    fn wanted(by_rank: u8, seconds: u64) -> MuteDecision {
        let end = MuteDecision::end(UserId::new("mod").ok(), by_rank);
        MuteDecision {
            until: unix_milliseconds() + seconds * 1000,
            ..end
        }
    }

    #[test]
    fn a_decision_is_not_undone_from_below() {
        let shared = shared();
        shared.decide(&user(), None, wanted(2, 60)).unwrap();
        for seconds in [0, 10, 100] {
            let refused = shared.decide(&user(), None, wanted(1, seconds));
            assert_eq!(refused, Err(ErrorCode::Forbidden));
        }
        let (held, left) = shared.mute(&user(), None).unwrap();
        assert_eq!(held.by_rank, 2);
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(61));
        // After its end everybody decides again, and says that an admin's had been there.
        shared.decide(&user(), None, wanted(2, 0)).unwrap();
        shared.decide(&user(), None, wanted(1, 10)).unwrap();
        let (held, left) = shared.mute(&user(), None).unwrap();
        assert_eq!((held.by_rank, held.outranks), (1, 2));
        assert!(left > Duration::from_secs(5) && left <= Duration::from_secs(11));
    }

    #[test]
    fn the_end_of_a_mute_is_remembered_for_as_long_as_it_would_have_lasted() {
        let shared = shared();
        shared.decide(&user(), None, wanted(1, 0)).unwrap();
        assert_eq!(shared.mute(&user(), None), None, "there was none");
        shared.decide(&user(), None, wanted(1, 60)).unwrap();
        shared.decide(&user(), None, wanted(1, 0)).unwrap();
        let (_, left) = shared.mute(&user(), None).unwrap();
        assert_eq!(left, Duration::ZERO);
        let key = key(&DecisionKey::Mute(user(), None));
        let remembered = shared.decisions.get(&key).unwrap().left.unwrap();
        assert!(remembered > Duration::from_secs(50));
    }
}
