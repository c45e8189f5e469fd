//! Who is in a room, and who knows it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use bevy_bouncer::{Group, User, UserId};
use bevy_bouncer_protocol::Member;
use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;

use crate::model::role::rank_of;

/// Members of one message, so that it fits any queue.
pub(crate) const MEMBERS_SHOWN: usize = 500;

/// Who is in a room. Changed by the chat only.
#[derive(Component, Default)]
pub struct RoomMembers {
    players: BTreeMap<Entity, User>,
    sessions: HashMap<UserId, usize>,
    /// Sends to all of them, until they change.
    pub(crate) group: Option<Group>,
    joined: BTreeMap<UserId, Member>,
    left: BTreeSet<UserId>,
    pub(crate) told_at: Option<Instant>,
}

/// What the members have not been told.
pub(crate) struct Change {
    pub joined: Vec<Member>,
    pub left: Vec<Arc<str>>,
}

/// Rooms whose members have to hear who came and who left.
#[derive(Resource, Default)]
pub(crate) struct ChangedRooms(pub BTreeSet<Entity>);

fn member(user: &User) -> Member {
    Member {
        id: user.id().as_str().into(),
        name: user.name().into(),
        rank: rank_of(user),
    }
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

    /// How many users are in it.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many players, of which a user may have several.
    pub(crate) fn players(&self) -> usize {
        self.players.len()
    }

    pub(crate) fn add(&mut self, player: Entity, user: &User) {
        if self.players.insert(player, user.clone()).is_some() {
            return;
        }
        self.group = None;
        let sessions = self.sessions.entry(user.id().clone()).or_default();
        *sessions += 1;
        if *sessions == 1 {
            self.left.remove(user.id());
            self.joined.insert(user.id().clone(), member(user));
        }
    }

    /// A player has another name, or another rank.
    pub(crate) fn change(&mut self, player: Entity, user: &User) {
        if let Some(known) = self.players.get_mut(&player) {
            *known = user.clone();
            self.joined.insert(user.id().clone(), member(user));
        }
    }

    pub(crate) fn remove(&mut self, player: Entity) {
        let Some(user) = self.players.remove(&player) else {
            return;
        };
        self.group = None;
        let Some(sessions) = self.sessions.get_mut(user.id()) else {
            return;
        };
        *sessions -= 1;
        if *sessions == 0 {
            self.sessions.remove(user.id());
            self.joined.remove(user.id());
            self.left.insert(user.id().clone());
        }
    }

    /// Each user once, as many as are shown, by name.
    pub(crate) fn shown(&self) -> Vec<Member> {
        let mut seen = BTreeSet::new();
        let users = self.players.values().filter(|user| seen.insert(user.id()));
        let mut shown: Vec<_> = users.take(MEMBERS_SHOWN).map(member).collect();
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        shown
    }

    /// Whether there is something to tell.
    pub(crate) fn has_news(&self) -> bool {
        !self.joined.is_empty() || !self.left.is_empty()
    }

    /// What to tell next. A user who came and left is told as one who left: others may have seen them.
    pub(crate) fn take_change(&mut self) -> Change {
        let mut joined = Vec::new();
        while joined.len() < MEMBERS_SHOWN
            && let Some((_, member)) = self.joined.pop_first()
        {
            joined.push(member);
        }
        let mut left = Vec::new();
        while joined.len() + left.len() < MEMBERS_SHOWN
            && let Some(user) = self.left.pop_first()
        {
            left.push(user.as_str().into());
        }
        Change { joined, left }
    }
}

/// Who wants a player to come into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Clone, PartialEq, Hash)]
pub enum AskedBy {
    /// The player's client.
    Client,
    /// The game.
    Game,
}

/// The rooms that a player is in.
#[derive(Component, Debug, Default, Clone, Reflect)]
#[reflect(Component, Debug, Default, Clone)]
pub struct InRooms(pub(crate) Vec<EnteredRoom>);

/// One of them.
#[derive(Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub(crate) struct EnteredRoom {
    pub room: Entity,
    /// What it was called then.
    pub name: Arc<str>,
    pub asked_by: AskedBy,
}

impl InRooms {
    /// Their entities, in the order in which the player came.
    pub fn iter(&self) -> impl Iterator<Item = Entity> {
        self.0.iter().map(|entered| entered.room)
    }

    /// The player is not in this room any more. Returns whether it was.
    pub(crate) fn remove(&mut self, room: Entity) -> bool {
        let before = self.0.len();
        self.0.retain(|entered| entered.room != room);
        self.0.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(index: u32) -> Entity {
        Entity::from_raw_u32(index).unwrap()
    }

    #[test]
    fn the_last_of_coming_and_leaving_is_told() {
        let mut members = RoomMembers::default();
        let ann = User::new("ann", "Ann").unwrap();
        let names = |change: &Change| {
            let joined = change.joined.iter().map(|member| member.id.to_string());
            (joined.collect::<Vec<_>>(), change.left.len())
        };
        members.add(entity(1), &ann);
        members.add(entity(2), &ann);
        assert_eq!((members.len(), members.players()), (1, 2));
        assert_eq!(members.shown().len(), 1);
        members.remove(entity(1));
        assert_eq!(names(&members.take_change()), (vec!["ann".to_owned()], 0));
        assert!(!members.has_news());
        members.remove(entity(2));
        members.add(entity(3), &ann);
        assert_eq!(names(&members.take_change()), (vec!["ann".to_owned()], 0));
        members.remove(entity(3));
        members.add(entity(4), &ann);
        members.remove(entity(4));
        assert_eq!(names(&members.take_change()), (vec![], 1));
    }
}
