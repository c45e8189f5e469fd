//! Which subjects are barred: the entries and where they are kept.

mod decision;
mod journal;
mod list;
mod memory;
mod receipt;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use decision::Decision;
pub(crate) use journal::{Change, Journal, JournalWriter, StoreWriter, Storing};
pub(crate) use list::BarredList;
pub use memory::MemoryRevocations;
pub use receipt::Receipt;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRevocations;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bevy_reflect::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::identity::{CloseReason, ConnectionId, DisconnectReason, Refusal, UserId};

/// What a [`Revocation`] is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A user with all tokens.
    User(UserId),
    /// One token, by its `jti` claim.
    Token(Arc<str>),
    /// One live session. Nothing is barred afterwards.
    Session(ConnectionId),
    /// Every user.
    Everyone,
}

/// How hard the door is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationKind {
    /// 401 at the door, 4101 for the live: a new login may help, unless the user is barred.
    #[default]
    Revoke,
    /// 403 `banned` at the door, 4403 for the live.
    Ban,
}

/// One entry of the list of the barred.
///
/// ```
/// use bevy_bouncer::{Revocation, UserId};
///
/// let ban = Revocation::user(UserId::new("player-1")?).ban().reason("cheating");
/// # Ok::<(), bevy_bouncer::InvalidIdentity>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What it is about.
    pub subject: Subject,
    /// Unix seconds. With it, only tokens issued at or before this second are barred; live
    /// sessions of the subject end whatever their token's age.
    pub issued_before: Option<u64>,
    /// The operator's words for the player.
    pub reason: Option<String>,
    /// Revoke or ban.
    pub kind: RevocationKind,
    /// Unix seconds. From then on the entry does not count any more. `None`: until restored.
    pub until: Option<u64>,
}

impl Revocation {
    /// Bars a subject until it is restored.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            issued_before: None,
            reason: None,
            kind: RevocationKind::Revoke,
            until: None,
        }
    }

    /// Bars a user.
    pub fn user(user: UserId) -> Self {
        Self::new(Subject::User(user))
    }

    /// Bars one token, by its `jti`.
    pub fn token(id: impl Into<Arc<str>>) -> Self {
        Self::new(Subject::Token(id.into()))
    }

    /// Makes this a ban.
    pub fn ban(mut self) -> Self {
        self.kind = RevocationKind::Ban;
        self
    }

    /// Adds words for the player.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Limits this to tokens issued at or before this second (unix).
    pub fn issued_before(mut self, unix_seconds: u64) -> Self {
        self.issued_before = Some(unix_seconds);
        self
    }

    /// The answer at the door to a user whom the entry bars: a ban is said openly, with its words and its end, and everything
    /// else reads like any bad credential.
    pub fn refusal(&self, unix_now: u64) -> Refusal {
        if self.kind == RevocationKind::Revoke {
            return Refusal::unauthorized("revoked");
        }
        self.close_reason(unix_now).refusal()
    }

    /// How live sessions of the subject end.
    pub(crate) fn close_reason(&self, unix_now: u64) -> CloseReason {
        let left = |until: u64| Duration::from_secs(until.saturating_sub(unix_now));
        CloseReason {
            reason: match self.kind {
                RevocationKind::Revoke => DisconnectReason::Revoked,
                RevocationKind::Ban => DisconnectReason::Banned,
            },
            message: self.reason.as_deref().map(Arc::from),
            lasts: self.until.map(left),
        }
    }

    /// An entry that is about tokens ends when all of them have.
    pub(crate) fn forget_with_tokens(&mut self, tokens_end_within: Option<Duration>, now: u64) {
        let is_about_tokens =
            matches!(self.subject, Subject::Token(_)) || self.issued_before.is_some();
        let Some(longest) = tokens_end_within.filter(|_| is_about_tokens) else {
            return;
        };
        let youngest = self.issued_before.unwrap_or(now).max(now);
        let end = youngest.saturating_add(longest.as_secs() + 1);
        self.until = Some(self.until.map_or(end, |until| until.min(end)));
    }

    /// Lets this end at this second (unix).
    pub fn until(mut self, unix_seconds: u64) -> Self {
        self.until = Some(unix_seconds);
        self
    }
}

impl From<UserId> for Revocation {
    fn from(user: UserId) -> Self {
        Self::user(user)
    }
}

impl From<UserId> for Subject {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

/// Why revocations could not be loaded or stored.
#[derive(Debug, Clone, PartialEq, Eq, Error, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// The store failed; the words are for the operator.
    #[error("the revocation store failed: {0}")]
    Failed(String),
    /// More than [`Limits::unsaved_revocations`](crate::Limits::unsaved_revocations) wait to be stored. A revocation
    /// counts all the same and is stored when its turn comes, but nobody will say when; a restoration is not carried
    /// out, and a kick ends the sessions of this node only.
    #[error("too many decisions wait to be stored")]
    Backlog,
    /// More revocations than [`Limits::revocations`](crate::Limits::revocations).
    #[error("too many revocations")]
    Full,
    /// The server stopped before the revocation was stored.
    #[error("the server stopped before the revocation was stored")]
    Stopped,
}

/// What a [`RevocationStore`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where revocations outlive the process. [`MemoryRevocations`] keeps nothing, `SqliteRevocations`
/// keeps them in a file.
///
/// The list of the barred is in memory, and decides alone what a subject's entries are. A store keeps them as it is
/// told and never merges, compares or orders them.
///
/// # The contract
///
/// - **What a subject is.** A [`Subject`] with its kind: the user `a` and the token `a` are two. A
///   [`Session`](Subject::Session) never comes to a store.
/// - **What it has.** At most four entries, one of each shape: [`Revoke`](RevocationKind::Revoke) and
///   [`Ban`](RevocationKind::Ban), each with and without `issued_before`. So the kind is a part of an entry's key.
/// - **[`replace`](Self::replace)** makes these entries all that the subject has, in one step: after a crash, those
///   before or these are there, and never a mixture. No entries at all is how a restoration arrives. Other subjects are
///   not touched. It returns once this is as durable as the store can make it, since the answer to the operator
///   waits for it.
/// - **After an error** it may have been carried out or not. The subject comes again, with its entries as they
///   are then, after a pause of a quarter of a second at first and five seconds at most, until the store takes it;
///   meanwhile the other subjects wait. The same entries may come twice. A panic counts as an error.
/// - **Order.** There is one call at a time, and the calls about one subject come in the order of the decisions.
/// - **[`load`](Self::load)** returns the entries of every subject as they were last given, each value as it was, in
///   any order. It may leave out entries whose `until` has passed. It is called once, before the door opens; an error
///   keeps it shut and ends the app.
/// - **Runtime.** Both run on the runtime of the app, which lasts as long as the door. A task that `load` starts
///   is there for `replace`.
///
/// `testing::check_revocation_store` (feature `testing`) holds a store against this.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
///
/// use bevy_bouncer::{Revocation, RevocationStore, StoreError, StoreFuture, Subject};
///
/// /// Outlives the app, and not the process.
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<Subject, Vec<Revocation>>>);
///
/// impl RevocationStore for InMemory {
///     fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
///         Box::pin(async {
///             let kept = self.0.lock().map_err(|error| StoreError::Failed(error.to_string()))?;
///             Ok(kept.values().flatten().cloned().collect())
///         })
///     }
///
///     fn replace<'a>(&'a self, subject: &'a Subject, entries: &'a [Revocation]) -> StoreFuture<'a, ()> {
///         Box::pin(async move {
///             let mut kept = self.0.lock().map_err(|error| StoreError::Failed(error.to_string()))?;
///             kept.insert(subject.clone(), entries.to_vec());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// All entries that still count. Called once, before the door opens.
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>>;

    /// Makes these the entries of the subject, instead of those that it had. Returns only once that is durable.
    fn replace<'a>(
        &'a self,
        subject: &'a Subject,
        entries: &'a [Revocation],
    ) -> StoreFuture<'a, ()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_about_tokens_ends_with_the_last_of_them() {
        let ann = || UserId::new("ann").unwrap();
        let hour = Some(Duration::from_secs(3600));
        for (mut entry, within, until) in [
            (Revocation::token("a"), hour, Some(4601)),
            (Revocation::token("a").until(50), hour, Some(50)),
            (Revocation::token("a").until(9999), hour, Some(4601)),
            (Revocation::user(ann()).issued_before(900), hour, Some(4601)),
            (
                Revocation::user(ann()).issued_before(2000),
                hour,
                Some(5601),
            ),
            (Revocation::user(ann()), hour, None),
            (Revocation::user(ann()).ban(), hour, None),
            (Revocation::token("a"), None, None),
        ] {
            entry.forget_with_tokens(within, 1000);
            assert_eq!(entry.until, until, "{entry:?}");
        }
    }
}
