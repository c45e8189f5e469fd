//! Who was removed from the lobby, and why.

use bevy_bouncer::{
    Bouncer, Revocation, RevocationStore, SqliteRevocations, StoreError, Subject, UserId,
};

/// One player who may not come in.
pub struct Removed {
    /// Who.
    pub user: UserId,
    /// The moderator's words.
    pub reason: Option<String>,
}

/// Revokes through the door and reads back from the door's own store, so that there is one record.
pub struct Moderation {
    bouncer: Bouncer,
    record: SqliteRevocations,
}

impl Moderation {
    /// `record` is a second handle on the store that the door writes to.
    pub fn new(bouncer: Bouncer, record: SqliteRevocations) -> Self {
        Self { bouncer, record }
    }

    /// Cuts the player off and keeps them out. Returns once that is durable, with the number of
    /// sessions that ended.
    pub async fn revoke(&self, user: &UserId, reason: Option<&str>) -> Result<usize, StoreError> {
        let mut revocation = Revocation::user(user.clone());
        if let Some(reason) = reason {
            revocation = revocation.reason(reason);
        }
        let receipt = self.bouncer.revoke(revocation);
        let cut = receipt.cut();
        receipt.await?;
        Ok(cut)
    }

    /// Lets the player back in.
    pub async fn restore(&self, user: &UserId) -> Result<(), StoreError> {
        self.bouncer.restore(Subject::User(user.clone())).await
    }

    /// Everybody who is kept out.
    pub async fn all(&self) -> Result<Vec<Removed>, StoreError> {
        let entries = self.record.load().await?;
        let removed = entries.into_iter().filter_map(|entry| match entry.subject {
            Subject::User(user) => Some(Removed {
                user,
                reason: entry.reason,
            }),
            _ => None,
        });
        Ok(removed.collect())
    }

    /// Whether this player is kept out.
    pub async fn find(&self, user: &UserId) -> Result<Option<Removed>, StoreError> {
        let mut all = self.all().await?.into_iter();
        Ok(all.find(|removed| removed.user == *user))
    }
}

/// What a removed player reads.
pub fn removal_words(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("A moderator removed you from the lobby: {reason}"),
        None => "A moderator removed you from the lobby.".to_owned(),
    }
}
