//! Who may be in a room, and do what there.

use std::collections::HashSet;

use bevy_bouncer::{User, UserId};

/// For whom a room is, as far as that can be said without asking about each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomAudience<'a> {
    /// For everybody.
    Everyone,
    /// For users with this role, or some of them.
    Role(&'a str),
    /// For these users, or some of them.
    Users(&'a HashSet<UserId>),
    /// Each user has to be asked about. Of such rooms, a list of rooms has only those among the first 250 by name.
    Unknown,
}

/// Who may do what in a room. Asked once for each join, message and read; it must answer at once.
pub trait RoomAccess: Send + Sync + 'static {
    /// Who may be let in, so that a list of rooms need not look at rooms that are not for its reader. Nobody else sees
    /// the room in a list; [`may_join`](Self::may_join) decides about those who are. Always the same.
    fn audience(&self) -> RoomAudience<'_> {
        RoomAudience::Unknown
    }

    /// Whether this user may come in, and know that the room is there.
    fn may_join(&self, user: &User) -> bool;

    /// Whether this member may say something.
    fn may_send(&self, user: &User) -> bool {
        self.may_join(user)
    }

    /// Whether this member may read what was said before.
    fn may_read(&self, user: &User) -> bool {
        self.may_join(user)
    }
}

/// For everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl RoomAccess for Open {
    fn audience(&self) -> RoomAudience<'_> {
        RoomAudience::Everyone
    }

    fn may_join(&self, _user: &User) -> bool {
        true
    }
}

/// For users with this role.
#[derive(Debug, Clone)]
pub struct ByRole(pub String);

impl RoomAccess for ByRole {
    fn audience(&self) -> RoomAudience<'_> {
        RoomAudience::Role(&self.0)
    }

    fn may_join(&self, user: &User) -> bool {
        user.has_role(&self.0)
    }
}

/// For the users on a list.
#[derive(Debug, Clone, Default)]
pub struct Invited(pub HashSet<UserId>);

impl RoomAccess for Invited {
    fn audience(&self) -> RoomAudience<'_> {
        RoomAudience::Users(&self.0)
    }

    fn may_join(&self, user: &User) -> bool {
        self.0.contains(user.id())
    }
}
