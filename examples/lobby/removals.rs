//! Who is kept out of the lobby, and why.

use bevy_bouncer::{
    RevocationKind, RevocationStore, SqliteRevocations, StoreError, Subject, UserId,
};

/// One player who may not come in.
pub struct Removal {
    /// Who.
    pub user: UserId,
    /// Banned; otherwise the account is only locked.
    pub is_ban: bool,
    /// The moderator's words.
    pub reason: Option<String>,
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

    /// Everybody who is kept out.
    pub async fn all(&self) -> Result<Vec<Removal>, StoreError> {
        let entries = self.record.load().await?;
        let removals = entries.into_iter().filter_map(|entry| match entry.subject {
            Subject::User(user) => Some(Removal {
                user,
                is_ban: entry.kind == RevocationKind::Ban,
                reason: entry.reason,
            }),
            _ => None,
        });
        Ok(removals.collect())
    }

    /// Whether this player is kept out.
    pub async fn find(&self, user: &UserId) -> Result<Option<Removal>, StoreError> {
        let mut all = self.all().await?.into_iter();
        Ok(all.find(|removal| removal.user == *user))
    }
}

impl Removal {
    /// What the player reads.
    pub fn words(&self) -> String {
        let what = if self.is_ban {
            "You are banned from the lobby"
        } else {
            "A moderator removed you from the lobby"
        };
        match &self.reason {
            Some(reason) => format!("{what}: {reason}"),
            None => format!("{what}."),
        }
    }
}
