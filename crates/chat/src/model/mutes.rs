//! Mutes of users, in a room or everywhere.

use std::time::Duration;

use bevy_bouncer::UserId;
use bevy_reflect::Reflect;
use serde::{Deserialize, Serialize};

use crate::protocol::unix_milliseconds;

/// Where a mute holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Clone, PartialEq, Hash)]
pub enum MutedIn {
    /// In the room of this name.
    Room(String),
    /// In all rooms, and for whispers.
    Everywhere,
}

impl MutedIn {
    pub(crate) fn new(room: Option<String>) -> Self {
        room.map_or(Self::Everywhere, Self::Room)
    }

    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Room(room) => Some(room),
            Self::Everywhere => None,
        }
    }
}

/// A mute of a user, with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMute {
    /// Who may not speak.
    pub user: UserId,
    /// What they are called, as far as that is known.
    pub name: String,
    /// What they are, like [`StoredMessage::rank`](crate::StoredMessage::rank), as far as that is known.
    pub rank: Option<u8>,
    /// The room's name; `None` everywhere.
    pub room: Option<String>,
    /// The moderator's rank.
    pub by_rank: u8,
    /// Until then, in unix milliseconds.
    pub until: u64,
    /// The moderator's reason.
    pub reason: Option<String>,
}

/// A mute of a user in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    /// Until then, in unix milliseconds, so that it lasts over a restart.
    pub until: u64,
    pub reason: Option<String>,
    /// The moderator's.
    pub by_rank: u8,
}

impl From<&StoredMute> for Mute {
    fn from(stored: &StoredMute) -> Self {
        Self {
            until: stored.until,
            reason: stored.reason.clone(),
            by_rank: stored.by_rank,
        }
    }
}

impl Mute {
    pub fn left(&self) -> Option<Duration> {
        let left = self.until.checked_sub(unix_milliseconds());
        left.filter(|left| *left > 0).map(Duration::from_millis)
    }
}
