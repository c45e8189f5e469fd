//! What requests want to know.

use std::{sync::Arc, time::Duration};

use bevy_bouncer::{Players, User, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{By, Moderator},
    },
    model::{
        members::RoomMembers,
        role::rank_of,
        room::{LONGEST_PAUSE, Room, RoomIndex, RoomRules},
        users::{Place, UserRecord, Users},
    },
    protocol::Denied,
    shared::SharedChat,
};

/// When to ask again, while the node does not know what the others have decided.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl ChatContext<'_> {
    /// Refuses everything for which a node has to know what the others have decided, until it does.
    pub fn check_knows_decisions(&self) -> Result<(), Denied> {
        if self.world.resource::<SharedChat>().is_loaded() {
            return Ok(());
        }
        Err(Denied::after(ErrorCode::Unavailable, ASK_AGAIN))
    }

    /// Refuses a user who is muted, and in a frozen room everybody below a moderator. Without a room it is about
    /// whispers.
    pub fn check_can_speak(
        &mut self,
        user: &User,
        rank: u8,
        room: Option<(Entity, &str)>,
    ) -> Result<(), Denied> {
        if rank == 0 {
            self.check_knows_decisions()?;
        }
        self.record_of(user)?
            .check_mute(room.map(|(_, name)| name))?;
        let rules = room.and_then(|(entity, _)| self.world.get::<RoomRules>(entity));
        if rules.is_some_and(|rules| rules.is_frozen) && rank == 0 {
            return Err(ErrorCode::Frozen.into());
        }
        Ok(())
    }

    /// How long a user of this rank waits between two messages in a room, if it has slow mode.
    pub fn pause_in(&self, room: Entity, rank: u8) -> Option<Duration> {
        let slow_mode = self.world.get::<RoomRules>(room)?.slow_mode?;
        (rank == 0).then(|| slow_mode.min(LONGEST_PAUSE))
    }

    /// The same id gets the same answer from now on.
    pub fn remember_answer(
        &mut self,
        user: &UserId,
        id: Option<&str>,
        ack: &Ack,
        notice: Option<Arc<str>>,
    ) {
        let most = self.options.remembered_ids;
        if let (Some(id), Ok(mut record)) = (id, self.record_by_id(user)) {
            record.answers_given.remember(id, ack, notice, most);
        }
    }

    /// The room of this name that the player is in, and may be in.
    pub fn own_room(&self, player: Entity, name: &str) -> Result<(Entity, Room), ErrorCode> {
        let entity = self.room_called(name).ok_or(ErrorCode::NotInRoom)?;
        let room = self.world.get::<Room>(entity);
        let room = room
            .filter(|room| self.is_member(player, entity) && room.holds_for(self.world, player));
        room.map(|room| (entity, room.clone()))
            .ok_or(ErrorCode::NotInRoom)
    }

    pub fn is_member(&self, player: Entity, room: Entity) -> bool {
        let members = self.world.get::<RoomMembers>(room);
        members.is_some_and(|members| members.contains(player))
    }

    /// The room of this name, if the user may know of it: a player, or somebody who is away.
    pub fn room_for(
        &self,
        user: &User,
        player: Option<Entity>,
        name: &str,
    ) -> Result<(Entity, Room), ErrorCode> {
        let entity = self.room_called(name).ok_or(ErrorCode::UnknownRoom)?;
        let room = self.world.get::<Room>(entity);
        let room = room.filter(|room| room.admits(self.world, user, player));
        room.map(|room| (entity, room.clone()))
            .ok_or(ErrorCode::UnknownRoom)
    }

    /// The room of this name, if it is for the moderator. All are for the house.
    pub fn room_to_moderate(&self, moderator: &Moderator, name: &str) -> Result<Entity, ErrorCode> {
        match &moderator.by {
            By::User(user, player) => {
                let (room, _) = self.room_for(user, *player, name)?;
                Ok(room)
            }
            By::House => self.room_called(name).ok_or(ErrorCode::UnknownRoom),
        }
    }

    /// The name of a room that can be found.
    pub fn name_of_room(&self, room: Entity) -> Option<Arc<str>> {
        let name = self.world.get::<Room>(room).map(Room::shared_name)?;
        (self.room_called(&name) == Some(room)).then_some(name)
    }

    pub fn room_called(&self, name: &str) -> Option<Entity> {
        self.world
            .resource::<RoomIndex>()
            .by_name
            .get(name)
            .copied()
    }

    pub fn players_of(&self, user: &UserId) -> Vec<Entity> {
        self.world.resource::<Players>().of(user).to_vec()
    }

    /// What is remembered of this user, brought up to date.
    pub fn record_of(&mut self, user: &User) -> Result<Mut<'_, UserRecord>, Denied> {
        let mut record = self.record_by_id(user.id())?;
        record.update(user);
        Ok(record)
    }

    /// What is remembered of this user, of whom only the id is known.
    pub fn record_by_id(&mut self, user: &UserId) -> Result<Mut<'_, UserRecord>, Denied> {
        self.record_in(user, Place::IfThereIsOne)
    }

    /// The same, also when there are too many records.
    pub fn record_in(
        &mut self,
        user: &UserId,
        place: Place,
    ) -> Result<Mut<'_, UserRecord>, Denied> {
        let options = self.options.clone();
        self.world.resource_scope(|world, mut users: Mut<Users>| {
            let players = world.resource::<Players>();
            let is_connected = |user: &UserId| !players.of(user).is_empty();
            let record = users.get_or_insert(user, &options, is_connected, place);
            record.map(drop).ok_or(Denied::from(ErrorCode::Full))
        })?;
        let users = self.world.resource_mut::<Users>();
        let found = users.filter_map_unchanged(|users| users.get_mut(user));
        found.ok_or(ErrorCode::Full.into())
    }

    /// The name of a user who is here, or was.
    pub fn name_of(&self, user: &UserId) -> Option<String> {
        let player = self.players_of(user).first().copied();
        let here = player.and_then(|player| self.world.get::<User>(player));
        let was = || {
            let record = self.world.resource::<Users>().get(user)?;
            Some(record.name.clone()).filter(|name| !name.is_empty())
        };
        here.map(|user| user.name().to_owned()).or_else(was)
    }

    /// The rank of a user who is here, the highest of all sessions.
    pub fn rank_here(&self, user: &UserId) -> Option<u8> {
        self.session_here(user).map(|(_, user)| rank_of(user))
    }

    /// The session with the highest rank of a user who is here.
    pub fn session_here(&self, user: &UserId) -> Option<(Entity, &User)> {
        let players = self.world.resource::<Players>().of(user).iter();
        let here = players.filter_map(|player| Some((*player, self.world.get::<User>(*player)?)));
        here.max_by_key(|(_, user)| rank_of(user))
    }
}
