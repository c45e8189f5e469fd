//! Rooms: entities with a name, a door and rules.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bevy_bouncer::text::clean_line;
use bevy_bouncer_protocol::{ROOM_NAME_MAX_BYTES, Rules};
use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        access::{Open, RoomAccess},
        closed_rooms::ClosedRooms,
        history::RoomHistory,
        ids::IdGenerator,
        members::RoomMembers,
        room_lists::RoomLists,
    },
    options::SharedOptions,
    protocol::milliseconds,
};

/// A room of the chat. Spawn it to open a room, despawn it to close one. Insert another one to change who may
/// come in: members who may not be there any more leave it. One with another name closes the room and opens
/// that one.
///
/// Of two rooms with the same name the second one can never be joined, nor can one whose name has not 1 to
/// 64 bytes or has something in it that cannot be shown in a line; the log says so.
///
/// ```
/// use bevy_bouncer_chat::{ByRole, Room};
/// use bevy_ecs::prelude::*;
///
/// fn open_rooms(mut commands: Commands) {
///     commands.spawn(Room::open("lobby"));
///     commands.spawn(Room::new("staff", ByRole("moderator".into())));
/// }
/// ```
#[derive(Component, Clone)]
#[component(immutable)]
#[require(RoomMembers, RoomHistory, RoomRules)]
pub struct Room {
    name: Arc<str>,
    pub(crate) access: Arc<dyn RoomAccess>,
}

impl Room {
    /// A room for everybody.
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

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }
}

/// The longest slow mode.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// What holds in a room now. The game may change it; members are told.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Reflect)]
#[reflect(Component, Debug, Default, Clone, PartialEq)]
pub struct RoomRules {
    /// How long a user has to wait between two messages, at most a day. Moderators do not.
    pub slow_mode: Option<Duration>,
    /// Whether only moderators may say something.
    pub is_frozen: bool,
}

/// One rule of a room, as a moderator sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoomRule {
    /// Milliseconds between two messages; 0 for no slow mode.
    Slow(u64),
    Frozen(bool),
}

impl RoomRules {
    /// These, but for one. What is not changed stays as exact as the game has set it.
    pub(crate) fn changed(&self, rule: RoomRule) -> Self {
        let mut changed = self.clone();
        match rule {
            RoomRule::Slow(slow_ms) if self.shown().slow_ms == slow_ms => {}
            RoomRule::Slow(slow_ms) => {
                changed.slow_mode = (slow_ms > 0).then(|| Duration::from_millis(slow_ms));
            }
            RoomRule::Frozen(is_frozen) => changed.is_frozen = is_frozen,
        }
        changed
    }

    pub(crate) fn shown(&self) -> Rules {
        Rules {
            slow_ms: self.slow_mode.map_or(0, milliseconds),
            frozen: self.is_frozen,
        }
    }
}

/// The rooms by name.
#[derive(Resource, Default)]
pub(crate) struct RoomIndex(pub BTreeMap<Arc<str>, Entity>);

/// A room is open: it can be found, and has what was said in it before.
pub(crate) fn open(
    inserted: On<Insert<Room>>,
    mut rooms: Query<(&Room, &mut RoomHistory)>,
    mut index: ResMut<RoomIndex>,
    mut lists: ResMut<RoomLists>,
    mut closed_rooms: ResMut<ClosedRooms>,
    mut ids: ResMut<IdGenerator>,
    options: Res<SharedOptions>,
) {
    let Ok((room, mut history)) = rooms.get_mut(inserted.entity) else {
        return;
    };
    if history.room != room.name {
        closed_rooms.put(&mut history, options.0.closed_rooms);
    }
    if !(1..=ROOM_NAME_MAX_BYTES).contains(&room.name.len()) {
        tracing::error!(room = %room.name, "a room's name has not 1 to {ROOM_NAME_MAX_BYTES} bytes: nobody can join it");
    } else if clean_line(&room.name) != *room.name {
        tracing::error!(room = %room.name, "a room's name has characters that cannot be shown: nobody can join it");
    } else if index.0.contains_key(&room.name) {
        tracing::error!(room = %room.name, "there is a room of this name: nobody can join the second one");
    } else {
        index.0.insert(room.shared_name(), inserted.entity);
        lists.add(room.shared_name(), &*room.access, inserted.entity);
        if history.room != room.name {
            closed_rooms.take(&room.name, &mut history);
            history.room = room.shared_name();
            history.epoch = ids.next();
        }
    }
}

/// A room has another name, or is no more: it cannot be found.
pub(crate) fn hide(
    discarded: On<Discard<Room>>,
    rooms: Query<&Room>,
    mut index: ResMut<RoomIndex>,
    mut lists: ResMut<RoomLists>,
) {
    if let Ok(room) = rooms.get(discarded.entity)
        && index.0.get(&room.name) == Some(&discarded.entity)
    {
        index.0.remove(&room.name);
        lists.remove(&room.name, &*room.access);
    }
}
