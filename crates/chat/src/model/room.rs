//! Rooms: entities with a name, a door and rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bevy_bouncer::{User, text::clean_line};
use bevy_bouncer_protocol::{ROOM_NAME_MAX_BYTES, Rules};
use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        access::{Open, RoomAccess, RoomAudience},
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
    condition: Option<Arc<Condition>>,
}

/// What the world has to say about a player who is in a room, or wants to be.
type Condition = dyn Fn(&World, Entity) -> bool + Send + Sync;

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
            condition: None,
        }
    }

    /// Makes it a room for those players only of whom this is true now, beside its [`RoomAccess`].
    ///
    /// It is asked with the world and the player's entity whenever the player comes in, speaks, reads or
    /// lists rooms, and in each tick, in [`ChatSystems::Tell`](crate::ChatSystems::Tell), about every member: those of
    /// whom it is not true any more leave with `room.closed` before the room is told anything else. So it must be quick. A list of
    /// rooms asks about the first 250 such rooms by name that are for everybody otherwise; an access with an
    /// [`audience`](RoomAccess::audience), like [`Invited`](crate::Invited), narrows it to what can be for the player.
    ///
    /// ```
    /// use bevy_bouncer_chat::Room;
    /// use bevy_ecs::prelude::*;
    ///
    /// #[derive(Component, PartialEq)]
    /// struct Team(u8);
    ///
    /// #[derive(Resource)]
    /// struct Night(bool);
    ///
    /// fn open_rooms(mut commands: Commands) {
    ///     let is_red = |world: &World, player| world.get::<Team>(player) == Some(&Team(1));
    ///     commands.spawn(Room::open("red").only_if(is_red));
    ///     commands.spawn(Room::open("moonlight").only_if(|world, _| world.resource::<Night>().0));
    /// }
    /// ```
    pub fn only_if(
        mut self,
        condition: impl Fn(&World, Entity) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.condition = Some(match self.condition.take() {
            None => Arc::new(condition),
            Some(first) => Arc::new(move |world: &World, player| {
                first(world, player) && condition(world, player)
            }),
        });
        self
    }

    /// Whether a user may be in it: by its access, and for a player by its condition too.
    pub(crate) fn admits(&self, world: &World, user: &User, player: Option<Entity>) -> bool {
        self.access.may_join(user) && player.is_none_or(|player| self.holds_for(world, player))
    }

    /// Whether its condition, if it has one, is true of a player.
    pub(crate) fn holds_for(&self, world: &World, player: Entity) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| condition(world, player))
    }

    fn audience(&self) -> RoomAudience<'_> {
        match self.access.audience() {
            RoomAudience::Everyone if self.condition.is_some() => RoomAudience::Unknown,
            audience => audience,
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

impl RoomRules {
    /// These with another rule. What is not changed stays as exact as the game has set it.
    pub(crate) fn changed(&self, rule: RoomRule) -> Self {
        let mut rules = self.clone();
        match rule {
            RoomRule::Slow(slow_ms) if self.shown().slow_ms == slow_ms => {}
            RoomRule::Slow(slow_ms) => {
                rules.slow_mode = (slow_ms > 0).then(|| Duration::from_millis(slow_ms));
            }
            RoomRule::Frozen(is_frozen) => rules.is_frozen = is_frozen,
        }
        rules
    }

    pub(crate) fn shown(&self) -> Rules {
        Rules {
            slow_ms: self.slow_mode.map_or(0, milliseconds),
            frozen: self.is_frozen,
        }
    }
}

/// One rule of a room, as a moderator sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoomRule {
    /// Milliseconds between two messages; 0 for no slow mode.
    Slow(u64),
    Frozen(bool),
}

impl RoomRule {
    /// Whether it restricts anybody.
    pub fn is_active(self) -> bool {
        !matches!(self, Self::Slow(0) | Self::Frozen(false))
    }
}

/// The rooms that can be found.
#[derive(Resource, Default)]
pub(crate) struct RoomIndex {
    pub by_name: BTreeMap<Arc<str>, Entity>,
    /// Those with a condition.
    pub conditional: BTreeSet<Entity>,
}

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
    } else if index.by_name.contains_key(&room.name) {
        tracing::error!(room = %room.name, "there is a room of this name: nobody can join the second one");
    } else {
        index.by_name.insert(room.shared_name(), inserted.entity);
        lists.add(room.shared_name(), room.audience(), inserted.entity);
        if room.condition.is_some() {
            index.conditional.insert(inserted.entity);
        }
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
        && index.by_name.get(&room.name) == Some(&discarded.entity)
    {
        index.by_name.remove(&room.name);
        lists.remove(&room.name, room.audience());
        index.conditional.remove(&discarded.entity);
    }
}
