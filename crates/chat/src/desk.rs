//! Where requests are answered: what all answers have in common.

use std::{collections::HashSet, sync::Arc, time::Instant};

use bevy_ecs::{prelude::*, system::SystemState};

use super::{
    ChatSettings,
    archive::{Archive, ChatRecord},
    error_code::{Denied, ErrorCode},
    members::{InRooms, RoomMembers},
    options::ChatOptions,
    people::{People, Person},
    presence::Untold,
    rank::{ADMIN, rank_of},
    room::{Room, RoomIndex},
    told::{Ack, Told},
};
use bevy_bouncer::{
    Connection, Disconnect, DisconnectReason, Group, Outbox, Players, User, UserId,
};

/// The answers of one tick, in their order.
pub(super) struct Desk<'w> {
    pub world: &'w mut World,
    pub options: Arc<ChatOptions>,
    pub now: Instant,
    /// Who was sent away in this tick: nothing that they said since counts.
    pub gone: HashSet<UserId>,
    /// Players who made too many errors: they go once they were told everything.
    closing: HashSet<Entity>,
    outgoing: Vec<Outgoing>,
}

struct Outgoing {
    group: Group,
    text: String,
    /// Who waits for it: it is an answer.
    asked_by: Option<Entity>,
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Asker {
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
pub(super) enum Reply {
    Done(Box<Ack>),
    /// The answer comes later, or it has been given.
    Later,
}

pub(super) type Answer = Result<Reply, Denied>;

impl From<Ack> for Reply {
    fn from(ack: Ack) -> Self {
        Self::Done(Box::new(ack))
    }
}

impl<'w> Desk<'w> {
    pub fn new(world: &'w mut World) -> Self {
        let options = world.resource::<ChatSettings>().options.clone();
        Self {
            world,
            options,
            now: Instant::now(),
            gone: HashSet::new(),
            closing: HashSet::new(),
            outgoing: Vec::new(),
        }
    }

    /// Hands everything over to the network. Whoever waits for an answer for which there is no room begins anew.
    pub fn finish(self, outbox: &mut SystemState<Outbox>) {
        let mut unanswered = HashSet::new();
        if let Ok(mut outbox) = outbox.get_mut(self.world) {
            for Outgoing {
                group,
                text,
                asked_by,
            } in self.outgoing
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

    /// Whether what this player says still counts.
    pub fn hears(&self, player: Entity, user: &User) -> bool {
        !self.gone.contains(user.id()) && !self.closing.contains(&player)
    }

    pub fn tell_players(&mut self, players: impl IntoIterator<Item = Entity>, told: &Told) {
        let connections = players
            .into_iter()
            .filter_map(|player| self.world.get::<Connection>(player));
        self.send(connections.collect(), told, None);
    }

    /// How many bytes it has; nothing is written for nobody.
    fn send(&mut self, group: Group, told: &Told, asked_by: Option<Entity>) -> usize {
        if group.is_empty() {
            return 0;
        }
        let text = told.json();
        let bytes = text.len();
        self.outgoing.push(Outgoing {
            group,
            text,
            asked_by,
        });
        bytes
    }

    /// Tells all sessions of a user.
    pub fn tell_user(&mut self, user: &UserId, told: &Told) {
        let players = self.players_of(user);
        self.tell_players(players, told);
    }

    /// Tells everybody who is in a room now.
    pub fn tell_room(&mut self, room: Entity, told: &Told) {
        let group = self.group(room);
        self.send(group, told, None);
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

    /// Tells whoever asked what came of it.
    pub fn answer(&mut self, player: Entity, id: Option<String>, result: Result<Ack, Denied>) {
        match (result, id) {
            (Ok(mut ack), Some(id)) => {
                ack.re = id;
                self.reply(player, &Told::Ack(Box::new(ack)));
            }
            (Ok(_), None) => {}
            (Err(denied), id) => self.deny(player, id, &denied),
        }
    }

    /// Answers, at the expense of whoever asked.
    pub fn reply(&mut self, player: Entity, told: &Told) {
        let connection = self.world.get::<Connection>(player);
        let group: Group = connection.into_iter().collect();
        let bytes = self.send(group, told, Some(player));
        if let Some(user) = self.world.get::<User>(player).cloned()
            && let Ok(mut person) = self.person(&user)
        {
            person.answers.spend(bytes);
        }
    }

    /// Too many errors end the connection.
    fn deny(&mut self, player: Entity, id: Option<String>, denied: &Denied) {
        self.reply(player, &Told::denied(id, denied));
        let (options, now) = (self.options.clone(), self.now);
        let Some(user) = self.world.get::<User>(player).cloned() else {
            return;
        };
        let person = self.person(&user);
        if person.is_ok_and(|mut person| person.err(&options, now)) {
            self.closing.insert(player);
        }
    }

    /// The room of this name that the player is in.
    pub fn own_room(&self, player: Entity, name: &str) -> Result<(Entity, Room), ErrorCode> {
        let entity = self.room_called(name).ok_or(ErrorCode::NotInRoom)?;
        let members = self.world.get::<RoomMembers>(entity);
        let is_in = members.is_some_and(|members| members.contains(player));
        let room = self.world.get::<Room>(entity).filter(|_| is_in);
        room.map(|room| (entity, room.clone()))
            .ok_or(ErrorCode::NotInRoom)
    }

    /// The room of this name, if it is for the user.
    pub fn room_for(&self, user: &User, name: &str) -> Result<(Entity, Room), ErrorCode> {
        let entity = self.room_called(name).ok_or(ErrorCode::UnknownRoom)?;
        let room = self.world.get::<Room>(entity);
        let room = room.filter(|room| room.access.may_join(user)).cloned();
        room.map(|room| (entity, room))
            .ok_or(ErrorCode::UnknownRoom)
    }

    pub fn room_called(&self, name: &str) -> Option<Entity> {
        self.world.resource::<RoomIndex>().0.get(name).copied()
    }

    pub fn players_of(&self, user: &UserId) -> Vec<Entity> {
        self.world.resource::<Players>().of(user).to_vec()
    }

    /// What is remembered of this user, brought up to date.
    pub fn person(&mut self, user: &User) -> Result<Mut<'_, Person>, Denied> {
        let mut person = self.person_called(user.id())?;
        person.update(user);
        Ok(person)
    }

    /// What is remembered of this user, of whom only the id is known.
    pub fn person_called(&mut self, user: &UserId) -> Result<Mut<'_, Person>, Denied> {
        let options = self.options.clone();
        self.world
            .resource_scope(|world, mut people: Mut<People>| {
                let players = world.resource::<Players>();
                let is_connected = |user: &UserId| !players.of(user).is_empty();
                let met = people.meet(user, &options, is_connected);
                met.map(drop).ok_or(Denied::from(ErrorCode::Full))
            })?;
        let people = self.world.resource_mut::<People>();
        let found = people.filter_map_unchanged(|people| people.get_mut(user));
        found.ok_or(ErrorCode::Full.into())
    }

    /// What a user is called who is here, or was.
    pub fn name_of(&self, user: &UserId) -> Option<String> {
        let player = self.players_of(user).first().copied();
        let here = player.and_then(|player| self.world.get::<User>(player));
        let was = || {
            let person = self.world.resource::<People>().get(user)?;
            Some(person.name.clone()).filter(|name| !name.is_empty())
        };
        here.map(|user| user.name().to_owned()).or_else(was)
    }

    /// The rank of a user who is here, or was. `None` when nothing is known.
    pub fn rank(&self, user: &UserId) -> Option<u8> {
        let players = self.players_of(user);
        let here = players
            .iter()
            .filter_map(|player| self.world.get::<User>(*player));
        let was = || {
            let person = self.world.resource::<People>().get(user);
            person.and_then(|person| person.rank)
        };
        here.map(rank_of).max().or_else(was)
    }

    /// Whether this one is above a user. Of users of whom nothing is known, only an admin may think so.
    pub fn is_above(&self, asker: &Asker, user: &UserId) -> Result<(), Denied> {
        match self.rank(user) {
            Some(rank) if rank < asker.rank => Ok(()),
            Some(_) => Err(ErrorCode::Forbidden.into()),
            None if asker.rank == ADMIN => Ok(()),
            None => Err(ErrorCode::UnknownUser.into()),
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
        self.world.resource_mut::<Untold>().0.insert(room);
    }

    /// A player leaves a room.
    pub fn leave(&mut self, player: Entity, room: Entity) {
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.remove(player);
        }
        if let Some(mut rooms) = self.world.get_mut::<InRooms>(player) {
            rooms.0.retain(|(entered, _)| *entered != room);
        }
        self.world.resource_mut::<Untold>().0.insert(room);
    }

    /// Keeps it for the next start, if anything is kept.
    pub fn record(&self, record: impl FnOnce() -> ChatRecord) {
        if let Some(archive) = self.world.get_resource::<Archive>() {
            archive.put(record());
        }
    }
}
