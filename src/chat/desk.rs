//! Where requests are answered: what they have in common.

use std::{sync::Arc, time::Instant};

use bevy_ecs::{prelude::*, system::SystemState};
use serde_json::{Value, json};

use super::{
    ChatSettings,
    options::ChatOptions,
    people::{People, Person},
    protocol::{Denied, ErrorCode},
    room::{Room, RoomMembers, RoomIndex},
};
use crate::{Connection, Group, Outbox, Players, User, UserId};

/// Highest rank that can be.
const ADMIN: u8 = 2;

/// The answers of one tick, in their order.
pub(super) struct Desk<'w> {
    pub world: &'w mut World,
    pub options: Arc<ChatOptions>,
    pub now: Instant,
    outgoing: Vec<(Group, String)>,
}

impl<'w> Desk<'w> {
    pub fn new(world: &'w mut World) -> Self {
        let options = world.resource::<ChatSettings>().options.clone();
        Self {
            world,
            options,
            now: Instant::now(),
            outgoing: Vec::new(),
        }
    }

    /// Hands everything over to the network.
    pub fn finish(self, outbox: &mut SystemState<Outbox>) {
        let Ok(mut outbox) = outbox.get_mut(self.world) else {
            return;
        };
        for (group, text) in self.outgoing {
            outbox.send_to_group(&group, text);
        }
    }

    pub fn tell(&mut self, player: Entity, message: &Value) {
        self.tell_players([player], message);
    }

    pub fn tell_players(&mut self, players: impl IntoIterator<Item = Entity>, message: &Value) {
        let connections = players
            .into_iter()
            .filter_map(|player| self.world.get::<Connection>(player));
        let group = connections.collect();
        self.outgoing.push((group, message.to_string()));
    }

    /// Tells everybody who is in a room now.
    pub fn tell_room(&mut self, room: Entity, message: &Value) {
        let group = self.group(room);
        self.outgoing.push((group, message.to_string()));
    }

    fn group(&mut self, room: Entity) -> Group {
        let Some(members) = self.world.get::<RoomMembers>(room) else {
            return Group::default();
        };
        if let Some(group) = &members.group {
            return group.clone();
        }
        let players = members.players.keys();
        let connections = players.filter_map(|player| self.world.get::<Connection>(*player));
        let group: Group = connections.collect();
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.group = Some(group.clone());
        }
        group
    }

    /// The room of this name that the player is in.
    pub fn own_room(&self, player: Entity, name: Option<&str>) -> Result<(Entity, Room), ErrorCode> {
        let entity = self.room_called(name.ok_or(ErrorCode::BadRequest)?);
        let entity = entity.ok_or(ErrorCode::NotInRoom)?;
        let members = self.world.get::<RoomMembers>(entity);
        let is_in = members.is_some_and(|members| members.contains(player));
        let room = self.world.get::<Room>(entity).filter(|_| is_in);
        room.map(|room| (entity, room.clone()))
            .ok_or(ErrorCode::NotInRoom)
    }

    pub fn room_called(&self, name: &str) -> Option<Entity> {
        self.world.resource::<RoomIndex>().0.get(name).copied()
    }

    pub fn players_of(&self, user: &UserId) -> Vec<Entity> {
        self.world.resource::<Players>().of(user).to_vec()
    }

    /// What is remembered of this user, up to date.
    pub fn person(&mut self, user: &User) -> Result<Mut<'_, Person>, Denied> {
        let rank = rank_of(user);
        let options = self.options.clone();
        self.world.resource_scope(|world, mut people: Mut<People>| {
            let players = world.resource::<Players>();
            let is_connected = |user: &UserId| !players.of(user).is_empty();
            people
                .meet(user.id(), &options, is_connected)
                .map(|person| person.rank = rank)
                .ok_or(Denied::from(ErrorCode::Full))
        })?;
        let people = self.world.resource_mut::<People>();
        let mut found = people.filter_map_unchanged(|people| people.get(user.id()));
        found.take().ok_or(ErrorCode::Full.into())
    }

    /// The rank of somebody who may not be connected.
    pub fn rank(&mut self, user: &UserId) -> u8 {
        let players = self.players_of(user);
        let present = players.iter().filter_map(|player| self.world.get::<User>(*player));
        match present.map(rank_of).max() {
            Some(rank) => rank,
            None => {
                let mut people = self.world.resource_mut::<People>();
                people.get(user).map_or(0, |person| person.rank)
            }
        }
    }
}

/// Admins above moderators above everybody else.
pub(super) fn rank_of(user: &User) -> u8 {
    match () {
        () if user.has_role("admin") => ADMIN,
        () if user.has_role("moderator") => 1,
        () => 0,
    }
}

/// An ack with these members.
pub(super) fn ack(re: Option<&str>, mut members: Value) -> Value {
    members["op"] = json!("ack");
    members["re"] = json!(re);
    members
}
