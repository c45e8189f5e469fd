//! Is there such a user, and may it come in?

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use bevy_ecs::component::Component;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::identity::{InvalidIdentity, OwnedComponents, TokenFacts, User, UserId};

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

/// What a directory says to the claims of a user: see [`Standing::active`] and [`Standing::versioned`].
///
/// It is asked when the user comes in, brings another token or comes back, and every
/// [`Limits::recheck_interval`](crate::Limits::recheck_interval); each time the player's entity has afterwards what the
/// directory says, or leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// May come in, as this user.
    #[non_exhaustive]
    Active {
        /// The user.
        user: User,
        /// What else the player has of the directory.
        components: OwnedComponents,
    },
    /// May come in, as this user, with tokens whose `ver` claim is this number: 401 for all others. Count it
    /// up to log the user out everywhere: those who are in leave when they are looked up again, and a
    /// new token lets them in within the same second.
    #[non_exhaustive]
    Versioned {
        /// The user.
        user: User,
        /// The number.
        token_version: u64,
        /// What else the player has of the directory.
        components: OwnedComponents,
    },
    /// There is no such user: 401.
    Missing,
    /// The user is kept out: 403 `banned`.
    Barred,
}

impl Standing {
    /// May come in, as this user.
    pub fn active(user: User) -> Self {
        let components = OwnedComponents::default();
        Self::Active { user, components }
    }

    /// May come in, as this user, with tokens whose `ver` claim is this number: see [`Standing::Versioned`].
    pub fn versioned(user: User, token_version: u64) -> Self {
        Self::Versioned {
            user,
            token_version,
            components: OwnedComponents::default(),
        }
    }

    /// Gives the player a component that is the directory's. Call it again for each other component.
    ///
    /// It is inserted before [`User`]. Whenever the directory is asked again, it is inserted again if the entity has
    /// another value, and removed once the directory does not give it any more. So the game reads it, and changes
    /// the directory to change it. Who may not come in gets nothing.
    ///
    /// ```
    /// use bevy_bouncer::{Claims, Standing, User};
    /// use bevy_ecs::prelude::*;
    ///
    /// #[derive(Component, Clone, PartialEq)]
    /// struct Guild(u32);
    ///
    /// # fn guild_of(claims: &Claims) -> u32 { 7 }
    /// fn find(claims: &Claims) -> Result<Standing, bevy_bouncer::DirectoryError> {
    ///     let user = User::new(claims.subject().clone(), "Ann")?;
    ///     Ok(Standing::active(user).with(Guild(guild_of(claims))))
    /// }
    /// ```
    pub fn with(mut self, component: impl Component + PartialEq + Clone) -> Self {
        if let Self::Active { components, .. } | Self::Versioned { components, .. } = &mut self {
            components.add(component);
        }
        self
    }

    /// The user who may come in.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Active { user, .. } | Self::Versioned { user, .. } => Some(user),
            Self::Missing | Self::Barred => None,
        }
    }
}

/// What a directory knows of somebody who need not be connected: see [`UserDirectory::look_up`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// This is the user, barred or not.
    User(User),
    /// There is no such user.
    Missing,
    /// The directory cannot tell. Where ranks matter, this counts as somebody who is above a moderator.
    Unknown,
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
///         Some(name) => Standing::active(User::new(claims.subject().clone(), name)?),
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

    /// Who this is, for somebody who need not be connected and of whom there are no claims. Moderation asks it
    /// before it touches somebody who is away: nobody may touch a peer or a superior. By default the directory
    /// cannot tell, and then only admins may.
    ///
    /// # Errors
    /// [`DirectoryError`] when the directory failed.
    fn look_up(&self, user: &UserId) -> impl Future<Output = Result<Known, DirectoryError>> + Send {
        let _ = user;
        async { Ok(Known::Unknown) }
    }
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
        self.write(|users| users.insert(id, Standing::active(user)));
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

    /// Of a user who is barred only that is known.
    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        Ok(match users.get(user) {
            None | Some(Standing::Missing) => Known::Missing,
            Some(standing) => standing
                .user()
                .map_or(Known::Unknown, |user| Known::User(user.clone())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn p16_a_map_knows_its_users_and_of_the_barred_nothing() {
        let id = |id: &str| UserId::new(id).unwrap();
        let ann = User::new("ann", "Ann").unwrap();
        let map = MapDirectory::new([ann.clone()]);
        map.bar(id("ben"));
        assert_eq!(map.look_up(&id("ann")).await, Ok(Known::User(ann)));
        assert_eq!(map.look_up(&id("ben")).await, Ok(Known::Unknown));
        assert_eq!(map.look_up(&id("eve")).await, Ok(Known::Missing));
        let closure = |_: &Claims| Ok(Standing::Missing);
        assert_eq!(closure.look_up(&id("ann")).await, Ok(Known::Unknown));
    }
}
