//! One user, two connections.

use serde::Deserialize;

/// What happens when a user who is already connected connects again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateLogin {
    /// One session per user: the new one replaces the old one, which is closed with 4409.
    #[default]
    KickOld,
    /// One session per user: the old connection is closed with 4409, and the player goes on as the same entity
    /// with the new one ([`LinkRestored`](crate::LinkRestored)).
    TakeOver,
    /// One session per user: the new one gets 409.
    RejectNew,
    /// Up to [`Limits::connections_per_user`](super::Limits::connections_per_user) sessions per user; one more gets 409.
    Allow,
}

impl DuplicateLogin {
    /// Whether a new session ends the one before.
    pub const fn replaces(self) -> bool {
        matches!(self, Self::KickOld | Self::TakeOver)
    }
}
