//! Where requests are answered: the world of one tick, and what it tells the clients.

pub(crate) mod apply;
mod look_up;

use std::{collections::HashSet, sync::Arc, time::Instant};

use bevy_bouncer::{Connection, Disconnect, DisconnectReason, Group, Outbox, User, UserId};
use bevy_bouncer_protocol::{Ack, ServerMessage};
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    model::{
        members::{ChangedRooms, InRooms, RoomMembers},
        role::rank_of,
    },
    options::{ChatOptions, SharedOptions},
    protocol::{Denied, json, unix_milliseconds},
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
    /// Players who made too many errors: they go once they were told everything.
    closing: HashSet<Entity>,
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

/// What a request comes to.
pub(crate) enum Reply {
    Now(Box<Ack>),
    /// The answer comes in a later tick, or it has been given.
    Deferred,
}

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
            closing: HashSet::new(),
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
                if !outbox.send_to_group(&group, text) {
                    unanswered.extend(asked_by);
                }
            }
        }
        let closing = self.closing.into_iter();
        let closing = closing.map(|player| (player, DisconnectReason::BadProtocol));
        let unanswered = unanswered.into_iter();
        let unanswered = unanswered.map(|player| (player, DisconnectReason::Overloaded));
        for (player, reason) in closing.chain(unanswered) {
            self.world.trigger(Disconnect::new(player).because(reason));
        }
    }

    /// From now on nothing that this user says counts, until the end of the tick.
    pub fn ignore(&mut self, user: UserId) {
        self.sent_away.insert(user);
    }

    /// Whether what this player says still counts.
    pub fn accepts(&self, player: Entity, user: &User) -> bool {
        !self.sent_away.contains(user.id()) && !self.closing.contains(&player)
    }

    pub fn tell_players(
        &mut self,
        players: impl IntoIterator<Item = Entity>,
        message: &ServerMessage,
    ) {
        let connections = players
            .into_iter()
            .filter_map(|player| self.world.get::<Connection>(player));
        self.send(connections.collect(), message, None);
    }

    /// Returns how many bytes the message has; nothing is written for nobody.
    fn send(&mut self, group: Group, message: &ServerMessage, asked_by: Option<Entity>) -> usize {
        if group.is_empty() {
            return 0;
        }
        let text = json(message);
        let bytes = text.len();
        self.queue.push(QueuedMessage {
            group,
            text,
            asked_by,
        });
        bytes
    }

    /// Tells all sessions of a user.
    pub fn tell_user(&mut self, user: &UserId, message: &ServerMessage) {
        let players = self.players_of(user);
        self.tell_players(players, message);
    }

    /// Tells everybody who is in a room now.
    pub fn tell_room(&mut self, room: Entity, message: &ServerMessage) {
        let group = self.group(room);
        self.send(group, message, None);
    }

    fn group(&mut self, room: Entity) -> Group {
        let Some(members) = self.world.get::<RoomMembers>(room) else {
            return Group::default();
        };
        if let Some(group) = &members.group {
            return group.clone();
        }
        let connection = |player| self.world.get::<Connection>(player);
        let connections = members.iter().filter_map(|(player, _)| connection(player));
        let group: Group = connections.collect();
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.group = Some(group.clone());
        }
        group
    }

    /// Tells a player what came of a request.
    pub fn answer(&mut self, player: Entity, id: Option<String>, result: Result<Ack, Denied>) {
        match (result, id) {
            (Ok(mut ack), Some(id)) => {
                ack.re = id;
                self.reply(player, &ServerMessage::Ack(Box::new(ack)));
            }
            (Ok(_), None) => {}
            (Err(denied), id) => self.deny(player, id, &denied),
        }
    }

    /// Answers a player, whose budget of answers pays for it.
    pub fn reply(&mut self, player: Entity, message: &ServerMessage) {
        let connection = self.world.get::<Connection>(player);
        let group: Group = connection.into_iter().collect();
        let bytes = self.send(group, message, Some(player));
        if let Some(user) = self.world.get::<User>(player).cloned()
            && let Ok(mut record) = self.record_of(&user)
        {
            record.answers.spend(bytes);
        }
    }

    /// Too many errors end the connection.
    fn deny(&mut self, player: Entity, id: Option<String>, denied: &Denied) {
        self.reply(player, &denied.message(id));
        let (options, now) = (self.options.clone(), self.now);
        let Some(user) = self.world.get::<User>(player).cloned() else {
            return;
        };
        let record = self.record_of(&user);
        if record.is_ok_and(|mut record| record.count_error(&options, now)) {
            self.closing.insert(player);
        }
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
