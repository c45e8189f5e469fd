//! Rooms: entities with who is in them, what was said, and the rules.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;
use serde_json::Value;

use crate::{Group, User, UserId};

/// Who may do what in a room. Asked once for each join, message and read; it must answer at once.
pub trait RoomAccess: Send + Sync + 'static {
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
    fn may_join(&self, _user: &User) -> bool {
        true
    }
}

/// For users with this role.
#[derive(Debug, Clone)]
pub struct ByRole(pub String);

impl RoomAccess for ByRole {
    fn may_join(&self, user: &User) -> bool {
        user.has_role(&self.0)
    }
}

/// For the users on a list.
#[derive(Debug, Clone, Default)]
pub struct Invited(pub std::collections::HashSet<UserId>);

impl RoomAccess for Invited {
    fn may_join(&self, user: &User) -> bool {
        self.0.contains(user.id())
    }
}

/// A room of the chat. Spawn it to open a room, despawn it to close one; two rooms of the same name are a
/// mistake, of which the younger one is ignored.
#[derive(Component, Clone)]
#[component(immutable)]
#[require(RoomMembers, RoomHistory, RoomRules)]
pub struct Room {
    name: Arc<str>,
    pub(super) access: Arc<dyn RoomAccess>,
}

impl Room {
    /// A room for everybody. Names have 1 to 64 bytes; one that is longer can never be joined.
    pub fn open(name: impl Into<Arc<str>>) -> Self {
        Self::new(name, Open)
    }

    /// A room with its own door.
    pub fn new(name: impl Into<Arc<str>>, access: impl RoomAccess) -> Self {
        Self {
            name: name.into(),
            access: Arc::new(access),
        }
    }

    /// What clients call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Who is in a room. Changed by the chat only.
#[derive(Component, Default)]
pub struct RoomMembers {
    pub(super) players: BTreeMap<Entity, User>,
    /// What the members were told last.
    pub(super) shown: BTreeMap<UserId, String>,
    pub(super) group: Option<Group>,
    pub(super) is_changed: bool,
    pub(super) told_at: Option<Instant>,
}

impl RoomMembers {
    /// The players in it.
    pub fn iter(&self) -> impl Iterator<Item = (Entity, &User)> {
        self.players.iter().map(|(player, user)| (*player, user))
    }

    /// Whether a player is in it.
    pub fn contains(&self, player: Entity) -> bool {
        self.players.contains_key(&player)
    }

    /// Each user once, by name.
    pub(super) fn users(&self) -> BTreeMap<UserId, String> {
        let users = self.players.values();
        users
            .map(|user| (user.id().clone(), user.name().to_owned()))
            .collect()
    }
}

/// What was said in a room, as far as it is remembered.
#[derive(Component, Default)]
pub struct RoomHistory {
    pub(super) messages: VecDeque<Said>,
    pub(super) last: u64,
}

/// One message.
pub(super) struct Said {
    pub seq: u64,
    pub by: Option<UserId>,
    pub message: Value,
}

impl RoomHistory {
    /// The number of the last message; 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.last
    }

    pub(super) fn keep(&mut self, said: Said, most: usize) {
        while self.messages.len() >= most {
            self.messages.pop_front();
        }
        self.messages.push_back(said);
    }

    pub(super) fn find(&mut self, seq: u64) -> Option<&mut Said> {
        let place = self.messages.binary_search_by_key(&seq, |said| said.seq);
        place.ok().and_then(|place| self.messages.get_mut(place))
    }

    /// Up to `most` messages, the youngest of those before, or the oldest of those after a number.
    pub(super) fn page(&self, after: Option<u64>, before: Option<u64>, most: usize) -> Vec<Value> {
        let in_range = self.messages.iter().filter(|said| {
            after.is_none_or(|after| said.seq > after)
                && before.is_none_or(|before| said.seq < before)
        });
        let messages = in_range.map(|said| said.message.clone());
        if after.is_some() {
            return messages.take(most).collect();
        }
        let all: Vec<_> = messages.collect();
        all[all.len().saturating_sub(most)..].to_vec()
    }
}

/// What holds in a room now. The game may change it; members are told.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomRules {
    /// How long somebody has to wait between two messages. Moderators do not.
    pub slow_mode: Option<Duration>,
    /// Whether only moderators may say something.
    pub is_frozen: bool,
}
