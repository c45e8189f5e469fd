//! Where requests are answered: the world of one moment, and the messages to clients that come of it.

mod apply;
pub(crate) mod asker;
pub(crate) mod change;
mod look_up;
pub(crate) mod queue;
pub(crate) mod say;
pub(crate) mod tell;

use std::{collections::HashSet, sync::Arc, time::Instant};

use bevy_bouncer::{ClientErrors, User, UserId};
use bevy_ecs::prelude::*;

use crate::{
    model::members::{AskedBy, ChangedRooms, EnteredRoom, InRooms, RoomMembers},
    options::{ChatOptions, SharedOptions},
    protocol::unix_milliseconds,
};

/// The world while requests are answered. What the game asks for while an observer runs is answered in one of its own, within.
pub(crate) struct ChatContext<'w> {
    pub world: &'w mut World,
    pub options: Arc<ChatOptions>,
    pub now: Instant,
    /// The same moment in unix milliseconds.
    pub unix_now: u64,
}

/// Users who were sent away in this tick: nothing that they said since counts.
#[derive(Resource, Default)]
pub(crate) struct SentAway(pub HashSet<UserId>);

impl<'w> ChatContext<'w> {
    pub fn new(world: &'w mut World) -> Self {
        let options = world.resource::<SharedOptions>().0.clone();
        Self {
            world,
            options,
            now: Instant::now(),
            unix_now: unix_milliseconds(),
        }
    }

    /// Hands what is to be said over to the network.
    pub fn finish(self) {
        if let Err(error) = self.world.run_system_cached(queue::send) {
            tracing::error!(%error, "what the chat has to say is not sent");
        }
        self.world.flush();
    }

    /// From now on nothing that this user says counts, until the end of the tick.
    pub fn ignore(&mut self, user: UserId) {
        self.world.resource_mut::<SentAway>().0.insert(user);
    }

    /// Whether what this player says still counts.
    pub fn accepts(&self, player: Entity, user: &User) -> bool {
        let sent_away = self.world.resource::<SentAway>();
        !sent_away.0.contains(user.id()) && !ClientErrors::are_too_many(self.world, player)
    }

    /// A player comes into a room.
    pub fn enter(&mut self, player: Entity, user: &User, entered: EnteredRoom) {
        let room = entered.room;
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.add(player, user);
        }
        if let Ok(mut player) = self.world.get_entity_mut(player) {
            let mut rooms = player.entry::<InRooms>().or_default();
            rooms.get_mut().0.push(entered);
        }
        self.world.resource_mut::<ChangedRooms>().0.insert(room);
    }

    /// A player leaves a room.
    pub fn leave(&mut self, player: Entity, room: Entity) {
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.remove(player);
        }
        if let Some(mut rooms) = self.world.get_mut::<InRooms>(player) {
            rooms.remove(room);
        }
        self.world.resource_mut::<ChangedRooms>().0.insert(room);
    }

    /// The rooms into which the game has put a player.
    pub fn rooms_given_to(&self, player: Entity) -> Vec<Entity> {
        let rooms = self.world.get::<InRooms>(player);
        let rooms = rooms.iter().flat_map(|rooms| &rooms.0);
        let given = rooms.filter(|entered| entered.asked_by == AskedBy::Game);
        given.map(|entered| entered.room).collect()
    }
}
