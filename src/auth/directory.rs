//! Is there such a user, and may it come in?

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::identity::{InvalidIdentity, TokenFacts, User, UserId};

/// The verified content of a token (RFC 7519 §4).
#[derive(Clone)]
pub struct Claims {
    pub(super) subject: UserId,
    pub(super) token: TokenFacts,
    pub(super) all: Map<String, Value>,
}

impl Claims {
    /// The claims of a session that is checked again. `None` when it began without a token.
    pub(super) fn again(subject: &UserId, token: &TokenFacts) -> Option<Self> {
        let all = serde_json::from_str(token.claims.as_deref()?).ok()?;
        Some(Self {
            subject: subject.clone(),
            token: token.clone(),
            all,
        })
    }

    /// The `sub` claim: who the token is about.
    pub fn subject(&self) -> &UserId {
        &self.subject
    }

    /// The `jti` claim: the token's own name.
    pub fn token_id(&self) -> Option<&str> {
        self.token.id.as_deref()
    }

    /// The `kid` of the key that the token was verified with. `None` for a key without a name: a secret,
    /// a PEM key.
    pub fn key_id(&self) -> Option<&str> {
        self.token.key.as_deref()
    }

    /// The `exp` claim in unix seconds.
    pub fn expires_at(&self) -> Option<u64> {
        self.token.expires_at
    }

    /// The `iat` claim in unix seconds; 0 when the token has none.
    pub fn issued_at(&self) -> u64 {
        self.token.issued_at
    }

    /// Any claim, as the token has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// What a directory knows of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// May come in, as this user.
    Active(User),
    /// May come in, as this user, with tokens whose `ver` claim is this number: 401 for all others. Count it
    /// up to log the user out everywhere: those who are in leave when they are looked up again, and a
    /// new token lets them in within the same second.
    Versioned {
        /// The user.
        user: User,
        /// The number.
        token_version: u64,
    },
    /// There is no such user: 401.
    Missing,
    /// The user is kept out: 403 `banned`.
    Barred,
}

/// Why a directory could not answer. The client gets 503.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The directory failed; the words are for the operator.
    #[error("the user directory failed: {0}")]
    Failed(String),
    /// The directory holds a user that cannot be one.
    #[error("the user directory holds an invalid user: {0}")]
    Invalid(#[from] InvalidIdentity),
}

/// Looks a user up after the token was verified. Runs on the network's threads.
///
/// A closure over [`Claims`] is a directory, for answers that need no waiting:
///
/// ```
/// use bevy_bouncer::{Claims, JwtAuthenticator, Standing, User};
///
/// # let secret = [7; 32];
/// let tokens = JwtAuthenticator::hs256(secret)?.users(|claims: &Claims| {
///     Ok(match claims.get("name").and_then(|name| name.as_str()) {
///         Some(name) => Standing::Active(User::new(claims.subject().clone(), name)?),
///         None => Standing::Missing,
///     })
/// });
/// # Ok::<(), bevy_bouncer::KeyError>(())
/// ```
pub trait UserDirectory: Send + Sync + 'static {
    /// What is known of the subject of these claims.
    ///
    /// # Errors
    /// [`DirectoryError`] when the directory cannot tell. That never lets a user in.
    fn find(
        &self,
        claims: &Claims,
    ) -> impl Future<Output = Result<Standing, DirectoryError>> + Send;
}

impl<F> UserDirectory for F
where
    F: Fn(&Claims) -> Result<Standing, DirectoryError> + Send + Sync + 'static,
{
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        self(claims)
    }
}

/// Users in memory. Clones share them, so that the game can change who exists while it runs.
///
/// ```
/// use bevy_bouncer::{MapDirectory, User, UserId};
///
/// let players = MapDirectory::new([User::new("player-1", "Ann")?]);
/// players.insert(User::new("player-2", "Ben")?);
/// assert!(players.remove(&UserId::new("player-1")?));
/// # Ok::<(), bevy_bouncer::InvalidIdentity>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MapDirectory {
    users: Arc<RwLock<HashMap<UserId, Standing>>>,
}

impl MapDirectory {
    /// A directory with these users.
    pub fn new(users: impl IntoIterator<Item = User>) -> Self {
        let directory = Self::default();
        users.into_iter().for_each(|user| directory.insert(user));
        directory
    }

    /// Adds a user, or changes the one with the same id, or lets a barred one in again.
    pub fn insert(&self, user: User) {
        let id = user.id().clone();
        self.write(|users| users.insert(id, Standing::Active(user)));
    }

    /// Keeps a user out with 403. Does not end sessions: revoke for that.
    pub fn bar(&self, id: UserId) {
        self.write(|users| users.insert(id, Standing::Barred));
    }

    /// Forgets a user. False when there was none.
    pub fn remove(&self, id: &UserId) -> bool {
        self.write(|users| users.remove(id)).is_some()
    }

    fn write<R>(&self, change: impl FnOnce(&mut HashMap<UserId, Standing>) -> R) -> R {
        change(&mut self.users.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl UserDirectory for MapDirectory {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        Ok(users
            .get(claims.subject())
            .cloned()
            .unwrap_or(Standing::Missing))
    }
}
