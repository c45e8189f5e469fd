//! What holds in rooms, and who decided.

use bevy_bouncer::{SharedStateError, UserId};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ATTEMPTS, DecisionKey, SharedChat, json, key};
use crate::model::{role::MODERATOR, room::RoomRule};

/// A rule of a room, or its end, as a moderator has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleDecision {
    pub rule: RoomRule,
    /// Who decided, and their rank.
    pub by: Option<UserId>,
    pub by_rank: u8,
    /// The highest rank of those whose decisions this one has taken the place of, its own included.
    pub outranks: u8,
}

impl RuleDecision {
    pub fn new(rule: RoomRule, by: Option<UserId>, by_rank: u8) -> Self {
        Self {
            rule,
            by,
            by_rank,
            outranks: by_rank,
        }
    }

    /// Whether somebody of this rank would undo what somebody above decided. After its end everybody decides again.
    pub fn is_from_above(&self, rank: u8) -> bool {
        self.rule.is_active() && self.by_rank > rank
    }

    fn key(&self, room: &str) -> DecisionKey {
        match self.rule {
            RoomRule::Slow(_) => DecisionKey::Slow(room.to_owned()),
            RoomRule::Frozen(_) => DecisionKey::Frozen(room.to_owned()),
        }
    }
}

/// What moderators have decided about a room, as far as this node has carried it out.
#[derive(Component, Default)]
pub(crate) struct DecidedRules {
    slow: Option<RuleDecision>,
    frozen: Option<RuleDecision>,
}

impl DecidedRules {
    pub fn put(&mut self, decision: RuleDecision) {
        match decision.rule {
            RoomRule::Slow(_) => self.slow = Some(decision),
            RoomRule::Frozen(_) => self.frozen = Some(decision),
        }
    }

    /// What was decided about the same.
    pub fn before(&self, decision: &RuleDecision) -> Option<&RuleDecision> {
        match decision.rule {
            RoomRule::Slow(_) => self.slow.as_ref(),
            RoomRule::Frozen(_) => self.frozen.as_ref(),
        }
    }
}

impl SharedChat {
    /// Writes a rule of a room, or its end.
    ///
    /// # Errors
    /// When somebody above has decided otherwise, or there is no place for it.
    pub fn decide_rule(&self, room: &str, wanted: &RuleDecision) -> Result<(), ErrorCode> {
        let key = key(&wanted.key(room));
        for _ in 0..ATTEMPTS {
            let version = self.decisions.version(&key);
            let before = self.rule_under(&key);
            let is_from_above = |before: &&RuleDecision| before.is_from_above(wanted.by_rank);
            if let Some(before) = before.as_ref().filter(is_from_above) {
                // Who wants the same undoes nothing, and the decision stays that of whoever is above.
                let is_same = before.rule == wanted.rule;
                return if is_same {
                    Ok(())
                } else {
                    Err(ErrorCode::Forbidden)
                };
            }
            let outranked = before.map_or(0, |before| before.outranks);
            let decision = RuleDecision {
                outranks: outranked.max(wanted.by_rank),
                ..wanted.clone()
            };
            let value = Some(json(&decision).into());
            let lasts = Some(self.rules_last);
            match self.decisions.compare_and_put(&key, version, value, lasts) {
                Ok(()) => return Ok(()),
                Err(SharedStateError::Conflict) => {}
                Err(_) => return Err(ErrorCode::Full),
            }
        }
        Err(ErrorCode::Unavailable)
    }

    /// The decisions about the room of this name.
    pub fn rules(&self, room: &str) -> impl Iterator<Item = RuleDecision> {
        let keys = [
            DecisionKey::Slow(room.to_owned()),
            DecisionKey::Frozen(room.to_owned()),
        ];
        keys.into_iter()
            .filter_map(|key| self.rule_under(&self::key(&key)))
    }

    /// What is decided now about the same.
    pub fn rule_like(&self, room: &str, decision: &RuleDecision) -> Option<RuleDecision> {
        self.rule_under(&key(&decision.key(room)))
    }

    /// What moderators have decided; nobody else's word counts.
    pub(super) fn rule_under(&self, key: &str) -> Option<RuleDecision> {
        let entry = self.decisions.get(key)?;
        let decision = serde_json::from_slice(&entry.value).ok();
        decision.filter(|decision: &RuleDecision| decision.by_rank >= MODERATOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ChatOptions;

    #[test]
    fn a_rule_is_not_undone_from_below_and_each_has_its_own_rank() {
        let shared = SharedChat::new(None, &ChatOptions::default());
        let decide = |rule, rank| {
            let wanted = RuleDecision::new(rule, None, rank);
            shared.decide_rule("a", &wanted)
        };
        assert_eq!(decide(RoomRule::Frozen(true), 2), Ok(()));
        assert_eq!(
            decide(RoomRule::Frozen(false), 1),
            Err(ErrorCode::Forbidden)
        );
        // Who wants the same does not take it over.
        assert_eq!(decide(RoomRule::Frozen(true), 1), Ok(()));
        assert_eq!(
            decide(RoomRule::Frozen(false), 1),
            Err(ErrorCode::Forbidden)
        );
        assert_eq!(decide(RoomRule::Slow(1000), 1), Ok(()));
        assert_eq!(decide(RoomRule::Slow(2000), 2), Ok(()));
        for other in [
            RoomRule::Slow(0),
            RoomRule::Slow(1000),
            RoomRule::Slow(3000),
        ] {
            assert_eq!(decide(other, 1), Err(ErrorCode::Forbidden));
        }
        // After its end everybody decides again, and says that an admin's had been there.
        assert_eq!(decide(RoomRule::Frozen(false), 2), Ok(()));
        assert_eq!(decide(RoomRule::Frozen(true), 1), Ok(()));
        let held: Vec<_> = shared.rules("a").collect();
        let ranks = held.iter().map(|it| (it.rule, it.by_rank, it.outranks));
        let expected = [(RoomRule::Slow(2000), 2, 2), (RoomRule::Frozen(true), 1, 2)];
        assert_eq!(ranks.collect::<Vec<_>>(), expected);
    }
}
