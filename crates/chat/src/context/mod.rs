//! Where requests are answered: the world of one tick, and the messages to clients that come of it.

pub(crate) mod apply;
mod look_up;
mod tell;

use std::{collections::HashSet, sync::Arc, time::Instant};

use bevy_bouncer::{ClientErrors, DisconnectReason, Group, Outbox, PlayerCommands, User, UserId};
use bevy_bouncer_protocol::Ack;
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    model::{
        members::{ChangedRooms, InRooms, RoomMembers},
        role::rank_of,
    },
    options::{ChatOptions, SharedOptions},
    protocol::{Denied, unix_milliseconds},
};

/// The world while requests are answered, and the messages to clients that come of it, in their order.
pub(crate) struct ChatContext<'w> {
    pub world: &'w mut World,
    pub options: Arc<ChatOptions>,
    pub now: Instant,
    /// The same moment in unix milliseconds.
    pub unix_now: u64,
    /// Users who were sent away in this tick: nothing that they said since counts.
    sent_away: HashSet<UserId>,
    queue: Vec<QueuedMessage>,
}

struct QueuedMessage {
    group: Group,
    text: String,
    /// The player who waits for it, when it is an answer.
    asked_by: Option<Entity>,
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Asker {
    pub player: Entity,
    pub user: User,
    pub rank: u8,
    /// What the answer refers to.
    pub id: Option<String>,
}

impl Asker {
    pub fn new(player: Entity, user: User, id: Option<String>) -> Self {
        let rank = rank_of(&user);
        Self {
            player,
            user,
            rank,
            id,
        }
    }
}

/// When a request that was done is answered.
pub(crate) enum Reply {
    /// Now, with this.
    Now(Box<Ack>),
    /// The answer comes in a later tick, or it has been given.
    Deferred,
}

/// What a request comes to.
pub(crate) type Answer = Result<Reply, Denied>;

impl From<Ack> for Reply {
    fn from(ack: Ack) -> Self {
        Self::Now(Box::new(ack))
    }
}

impl<'w> ChatContext<'w> {
    pub fn new(world: &'w mut World) -> Self {
        let options = world.resource::<SharedOptions>().0.clone();
        Self {
            world,
            options,
            now: Instant::now(),
            unix_now: unix_milliseconds(),
            sent_away: HashSet::new(),
            queue: Vec::new(),
        }
    }

    /// Hands everything over to the network. A player who waits for an answer for which there is no room is closed,
    /// and begins anew.
    pub fn finish(self, outbox: &mut SystemState<Outbox>) {
        let mut unanswered = HashSet::new();
        if let Ok(mut outbox) = outbox.get_mut(self.world) {
            for QueuedMessage {
                group,
                text,
                asked_by,
            } in self.queue
            {
                if outbox.send_to_group(&group, text).is_err() {
                    unanswered.extend(asked_by);
                }
            }
        }
        for player in unanswered {
            let mut commands = self.world.commands();
            let mut player = commands.entity(player);
            player.disconnect(DisconnectReason::Overloaded, None);
        }
        self.world.flush();
    }

    /// From now on nothing that this user says counts, until the end of the tick.
    pub fn ignore(&mut self, user: UserId) {
        self.sent_away.insert(user);
    }

    /// Whether what this player says still counts.
    pub fn accepts(&self, player: Entity, user: &User) -> bool {
        !self.sent_away.contains(user.id()) && !ClientErrors::are_too_many(self.world, player)
    }

    /// A player comes into a room.
    pub fn enter(&mut self, player: Entity, user: &User, room: Entity, name: &Arc<str>) {
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.add(player, user);
        }
        if let Ok(mut player) = self.world.get_entity_mut(player) {
            let mut rooms = player.entry::<InRooms>().or_default();
            rooms.get_mut().0.push((room, name.clone()));
        }
        self.world.resource_mut::<ChangedRooms>().0.insert(room);
    }

    /// A player leaves a room.
    pub fn leave(&mut self, player: Entity, room: Entity) {
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.remove(player);
        }
        if let Some(mut rooms) = self.world.get_mut::<InRooms>(player) {
            rooms.0.retain(|(entered, _)| *entered != room);
        }
        self.world.resource_mut::<ChangedRooms>().0.insert(room);
    }
}
