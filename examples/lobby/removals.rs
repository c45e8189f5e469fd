//! Who is kept out of the lobby, and why: for moderators.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use bevy_bouncer::{
    RevocationKind, RevocationStore, SqliteRevocations, StoreError, Subject, UserId,
    text::clean_line,
};

/// Most users of one list.
const LISTED: usize = 500;

/// One player who may not come in.
pub struct Removal {
    /// Who.
    pub user: UserId,
    /// Banned; otherwise the account is locked.
    pub is_ban: bool,
    /// The moderator's words.
    pub reason: Option<String>,
    /// Unix seconds; `None` until restored.
    until: Option<u64>,
}

/// Reads the door's own store, so that there is one record.
pub struct Removals {
    record: SqliteRevocations,
}

impl Removals {
    /// `record` is a second handle on the store that the door writes to.
    pub fn new(record: SqliteRevocations) -> Self {
        Self { record }
    }

    /// Everybody who is kept out, once, or the first of many. A ban is told before a lock.
    pub async fn all(&self) -> Result<Vec<Removal>, StoreError> {
        let mut removals = BTreeMap::new();
        for entry in self.record.load().await? {
            // With an age of tokens it only logs out.
            let (Subject::User(user), None) = (entry.subject, entry.issued_before) else {
                continue;
            };
            let is_ban = entry.kind == RevocationKind::Ban;
            if is_ban || !removals.contains_key(&user) {
                let removal = Removal {
                    user: user.clone(),
                    is_ban,
                    reason: entry.reason.map(|words| clean_line(&words).into_owned()),
                    until: entry.until,
                };
                removals.insert(user, removal);
            }
        }
        Ok(removals.into_values().take(LISTED).collect())
    }
}

impl Removal {
    /// How long it still lasts, when it has an end.
    pub fn left_ms(&self) -> Option<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let left = self.until?.saturating_sub(now);
        Some(left.saturating_mul(1000))
    }
}
