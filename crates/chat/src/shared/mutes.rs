//! Who is muted, and who decided.

use std::time::Duration;

use bevy_bouncer::{SharedStateError, UserId};
use bevy_bouncer_protocol::ErrorCode;
use serde::{Deserialize, Serialize};

use super::{ATTEMPTS, DecisionKey, SharedChat, json, key};
use crate::{
    model::mutes::StoredMute,
    protocol::{milliseconds, unix_milliseconds},
};

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

impl SharedChat {
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

    pub(super) fn mute_under(&self, key: &str) -> Option<(MuteDecision, Duration)> {
        let entry = self.decisions.get(key)?;
        let decision: MuteDecision = serde_json::from_slice(&entry.value).ok()?;
        let kept = Duration::from_millis(decision.kept_ms);
        let left = entry.left.unwrap_or_default().saturating_sub(kept);
        Some((decision, left))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ChatOptions;

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
