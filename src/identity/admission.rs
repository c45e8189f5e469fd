//! What an authenticator answers about a request that it accepts.

use std::{any::Any, fmt, sync::Arc};

use bevy_ecs::prelude::*;

use super::{OwnedComponents, TokenFacts, User};

/// A bundle of the game's own.
pub(crate) trait Extra: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn insert(self: Box<Self>, player: &mut EntityWorldMut<'_>);
}

impl<B: Bundle> Extra for B {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn insert(self: Box<Self>, player: &mut EntityWorldMut<'_>) {
        player.insert(*self);
    }
}

/// What an [`Authenticator`](crate::Authenticator) answers about a request that it accepts.
///
/// Carries the [`User`], what is known about the token, and any components of the game's own, which
/// are inserted *before* [`User`], so that observers of `On<Add<User>>` see them.
///
/// ```
/// use bevy_bouncer::{Admission, User};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Guild(u32);
///
/// let admission = Admission::new(User::new("player-1", "Ann")?).with(Guild(7));
/// # Ok::<(), bevy_bouncer::InvalidIdentity>(())
/// ```
pub struct Admission {
    pub(crate) user: User,
    pub(crate) token: TokenFacts,
    pub(crate) extras: Vec<Box<dyn Extra>>,
    pub(crate) owned: OwnedComponents,
}

impl Admission {
    /// Admits this user, with a session that has no token id and does not expire.
    pub fn new(user: User) -> Self {
        Self {
            user,
            token: TokenFacts::default(),
            extras: Vec::new(),
            owned: OwnedComponents::default(),
        }
    }

    /// Names the token (`jti`), so that it can be revoked alone.
    pub fn token_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.token.id = Some(id.into());
        self
    }

    /// When the token was issued (`iat`, unix seconds). Without it the token counts as older than
    /// every *issued before* revocation.
    pub fn issued_at(mut self, unix_seconds: u64) -> Self {
        self.token.issued_at = unix_seconds;
        self
    }

    /// When the session ends at the latest (`exp`, unix seconds).
    pub fn expires_at(mut self, unix_seconds: u64) -> Self {
        self.token.expires_at = Some(unix_seconds);
        self
    }

    /// Adds components that the player entity has from the start, inserted before [`User`]. They are the game's
    /// from then on: no later check inserts them again.
    pub fn with(mut self, bundle: impl Bundle) -> Self {
        self.extras.push(Box::new(bundle));
        self
    }

    /// Adds a component that follows the authenticator, inserted before [`User`] as well: whenever the player is
    /// checked again (by [`readmit`](crate::Authenticator::readmit), with another token, when it comes back), the entity
    /// has what that admission says. [`Standing::with`](crate::Standing::with) is the same for directories.
    pub fn with_owned(mut self, component: impl Component + PartialEq + Clone) -> Self {
        self.owned.add(component);
        self
    }

    /// A copy without the components of the spawn, which can be inserted only once.
    pub(crate) fn without_components(&self) -> Self {
        Self {
            user: self.user.clone(),
            token: self.token.clone(),
            extras: Vec::new(),
            owned: self.owned.clone(),
        }
    }

    /// A component that was added by itself, or a bundle as a whole. Of several of one type, the one that the entity
    /// will have.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        let mut extras = self.extras.iter().rev();
        let given = || extras.find_map(|extra| (**extra).as_any().downcast_ref());
        self.owned.get().or_else(given)
    }

    /// The user to admit.
    pub fn user(&self) -> &User {
        &self.user
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("user", &self.user)
            .field("expires_at", &self.token.expires_at)
            .finish_non_exhaustive()
    }
}
