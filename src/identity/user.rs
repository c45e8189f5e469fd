//! A user: id, name and roles.

use std::{borrow::Borrow, fmt, sync::Arc};

use bevy_bouncer_text::clean_line;
use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest user id in bytes.
pub const USER_ID_MAX_BYTES: usize = 128;
/// Longest display name in bytes.
pub const USER_NAME_MAX_BYTES: usize = 128;
/// Most roles that one user can have.
pub const USER_ROLES_MAX: usize = 32;
/// Longest role name in bytes.
pub const USER_ROLE_MAX_BYTES: usize = 64;

/// Why a value cannot be part of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// The user id is empty or longer than [`USER_ID_MAX_BYTES`].
    #[error("a user id has 1 to {USER_ID_MAX_BYTES} bytes")]
    IdLength,
    /// The user id contains a control character.
    #[error("a user id has no control characters")]
    IdCharacters,
    /// The name is empty or longer than [`USER_NAME_MAX_BYTES`].
    #[error("a user name has 1 to {USER_NAME_MAX_BYTES} bytes")]
    NameLength,
    /// There is nothing to see in the name, nor in the id.
    #[error("there is nothing to see in a user name")]
    NameCharacters,
    /// There are more than [`USER_ROLES_MAX`] roles, or one is empty, too long or has control
    /// characters.
    #[error("a user has at most {USER_ROLES_MAX} roles of 1 to {USER_ROLE_MAX_BYTES} bytes")]
    Roles,
}

/// The stable name of a user: the `sub` claim of the token (RFC 7519 §4.1.2).
///
/// 1 to [`USER_ID_MAX_BYTES`] bytes without control characters. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Reflect)]
#[serde(try_from = "String", into = "String")]
// No `Serialize` or `Deserialize` here: with them, a remote protocol could make an id of any text.
#[reflect(opaque)]
#[reflect(Clone, Debug, PartialEq, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Checks and takes a user id.
    ///
    /// # Errors
    /// [`InvalidIdentity`] when the length or a character is not allowed.
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self, InvalidIdentity> {
        let id = id.into();
        if id.is_empty() || id.len() > USER_ID_MAX_BYTES {
            return Err(InvalidIdentity::IdLength);
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidIdentity::IdCharacters);
        }
        Ok(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidIdentity;
    fn try_from(id: String) -> Result<Self, InvalidIdentity> {
        Self::new(id)
    }
}

impl TryFrom<&str> for UserId {
    type Error = InvalidIdentity;
    fn try_from(id: &str) -> Result<Self, InvalidIdentity> {
        Self::new(id)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for UserId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The verified identity of a player. An entity has it only after admission, and it cannot be
/// changed afterwards: the component is immutable.
///
/// `On<Add<User>>` is the signal that a player joined.
///
/// It is reflected as an opaque value, and not as a component: Bevy's remote protocol can then neither read nor
/// insert it, and gets an error instead of a panic when it tries to change it.
///
/// ```
/// use bevy_bouncer::User;
///
/// let ann = User::new("player-1", "Ann")?.with_roles(["moderator"])?;
/// assert!(ann.has_role("moderator"));
/// # Ok::<(), bevy_bouncer::InvalidIdentity>(())
/// ```
#[derive(Component, Debug, Clone, PartialEq, Eq, Reflect)]
#[component(immutable)]
#[reflect(opaque)]
#[reflect(Debug, Clone, PartialEq)]
pub struct User {
    id: UserId,
    /// Shared, as the id is: a session and its entity each have a user.
    name: Arc<str>,
    /// `None` without any.
    roles: Option<Arc<[String]>>,
}

impl User {
    /// A user without roles. Meant for authenticators and directories.
    ///
    /// Names are shown to others, and may have been chosen without any rule: so what cannot be shown in a line is taken
    /// out ([`clean_line`](crate::text::clean_line)). A user in whose name there is nothing to see is called by the id. The log says so
    /// at level `debug`.
    ///
    /// ```
    /// use bevy_bouncer::User;
    ///
    /// assert_eq!(User::new("player-1", "Ann\u{202e}\u{200b}")?.name(), "Ann");
    /// assert_eq!(User::new("player-1", "\u{3164}")?.name(), "player-1");
    /// # Ok::<(), bevy_bouncer::InvalidIdentity>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidIdentity`] when the id or the name is empty or too long, or the id has control characters.
    pub fn new<I>(id: I, name: impl Into<String>) -> Result<Self, InvalidIdentity>
    where
        I: TryInto<UserId>,
        I::Error: Into<InvalidIdentity>,
    {
        let id = id.try_into().map_err(Into::into)?;
        let name = name.into();
        if name.is_empty() || name.len() > USER_NAME_MAX_BYTES {
            return Err(InvalidIdentity::NameLength);
        }
        Ok(Self {
            name: shown_name(&id, name)?,
            id,
            roles: None,
        })
    }

    /// Gives the user these roles.
    ///
    /// # Errors
    /// [`InvalidIdentity::Roles`] when there are too many, or one is empty, too long or has control
    /// characters.
    pub fn with_roles<R: Into<String>>(
        mut self,
        roles: impl IntoIterator<Item = R>,
    ) -> Result<Self, InvalidIdentity> {
        let roles = roles.into_iter().take(USER_ROLES_MAX + 1);
        let roles: Vec<String> = roles.map(Into::into).collect();
        let allowed = |role: &String| {
            !role.is_empty()
                && role.len() <= USER_ROLE_MAX_BYTES
                && !role.chars().any(char::is_control)
        };
        if roles.len() > USER_ROLES_MAX || !roles.iter().all(allowed) {
            return Err(InvalidIdentity::Roles);
        }
        self.roles = (!roles.is_empty()).then(|| roles.into());
        Ok(self)
    }

    /// The stable id.
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// The display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles, as the directory gave them.
    pub fn roles(&self) -> &[String] {
        self.roles.as_deref().unwrap_or_default()
    }

    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|held| held == role)
    }
}

/// What a user is called where others read it.
fn shown_name(id: &UserId, name: String) -> Result<Arc<str>, InvalidIdentity> {
    let shown = clean_line(&name);
    if shown == name {
        return Ok(name.into());
    }
    tracing::debug!(user = %id, "a name has characters that are not shown");
    if !shown.is_empty() {
        return Ok(shown.into());
    }
    let id = clean_line(id.as_str());
    if id.is_empty() {
        return Err(InvalidIdentity::NameCharacters);
    }
    Ok(id.into())
}

impl From<std::convert::Infallible> for InvalidIdentity {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_others_can_see_of_it() {
        let called = |id: &str, name: &str| User::new(id, name).map(|user| user.name().to_owned());
        for (name, shown) in [
            ("Ann", "Ann"),
            (" Ann\tLee\n", "Ann Lee"),
            ("\u{202e}nnA", "nnA"),
            ("A\u{2066}nn", "Ann"),
            ("A\u{200b}nn\0", "Ann"),
            ("\u{3164}", "player-1"),
            ("\u{301}\u{2800}", "player-1"),
        ] {
            let seen = called("player-1", name);
            assert_eq!(seen.as_deref(), Ok(shown), "{name:?}");
            assert_eq!(called("player-1", shown).as_deref(), Ok(shown));
        }
        let unseen = called("\u{200b}", "\u{200b}");
        assert_eq!(unseen, Err(InvalidIdentity::NameCharacters));
        assert_eq!(called("player-1", ""), Err(InvalidIdentity::NameLength));
        let id = UserId::new("a\nb").map(drop);
        assert_eq!(id, Err(InvalidIdentity::IdCharacters));
    }
}
