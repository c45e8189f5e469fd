//! Who is in a room, and who knows it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use bevy_ecs::prelude::*;

use super::{
    presence::Untold,
    room::Room,
    told::{Member, Told},
};
use bevy_bouncer::{Group, Outbox, User, UserId};

/// Members of one message, so that it fits any queue.
pub(super) const MEMBERS_SHOWN: usize = 500;

/// Who is in a room. Changed by the chat only.
#[derive(Component, Default)]
pub struct RoomMembers {
    players: BTreeMap<Entity, User>,
    sessions: HashMap<UserId, usize>,
    /// Whoever may be asked to send to all of them, until they change.
    pub(super) group: Option<Group>,
    joined: BTreeMap<UserId, Member>,
    left: BTreeSet<UserId>,
    pub(super) told_at: Option<Instant>,
}

/// What the members have not been told.
pub(super) struct Change {
    pub joined: Vec<Member>,
    pub left: Vec<UserId>,
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
    pub(super) fn players(&self) -> usize {
        self.players.len()
    }

    pub(super) fn add(&mut self, player: Entity, user: &User) {
        if self.players.insert(player, user.clone()).is_some() {
            return;
        }
        self.group = None;
        let sessions = self.sessions.entry(user.id().clone()).or_default();
        *sessions += 1;
        if *sessions == 1 {
            self.left.remove(user.id());
            self.joined.insert(user.id().clone(), user.into());
        }
    }

    /// A player has another name, or another rank.
    pub(super) fn change(&mut self, player: Entity, user: &User) {
        if let Some(known) = self.players.get_mut(&player) {
            *known = user.clone();
            self.joined.insert(user.id().clone(), user.into());
        }
    }

    pub(super) fn remove(&mut self, player: Entity) {
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
    pub(super) fn shown(&self) -> Vec<Member> {
        let mut seen = BTreeSet::new();
        let users = self.players.values().filter(|user| seen.insert(user.id()));
        let mut shown: Vec<_> = users.take(MEMBERS_SHOWN).map(Member::from).collect();
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        shown
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        !self.joined.is_empty() || !self.left.is_empty()
    }

    /// What to tell next. Whoever came and left is said to have left: others may have seen them.
    pub(super) fn take_change(&mut self) -> Change {
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
            left.push(user);
        }
        Change { joined, left }
    }
}

/// The rooms that a player is in.
#[derive(Component, Debug, Default)]
pub struct InRooms(pub(super) Vec<(Entity, Arc<str>)>);

impl InRooms {
    /// Their entities, in the order in which the player came.
    pub fn iter(&self) -> impl Iterator<Item = Entity> {
        self.0.iter().map(|(room, _)| *room)
    }
}

/// A room has another door, or another name.
pub(super) fn check_again(
    inserted: On<Insert<Room>>,
    mut rooms: Query<(&Room, &mut RoomMembers)>,
    mut players: Query<(&User, &mut InRooms)>,
    mut untold: ResMut<Untold>,
    mut outbox: Outbox,
) {
    let entity = inserted.entity;
    let Ok((room, mut members)) = rooms.get_mut(entity) else {
        return;
    };
    let inside: Vec<_> = members.players.keys().copied().collect();
    for player in inside {
        let Ok((user, mut entered)) = players.get_mut(player) else {
            continue;
        };
        entered.0.retain(|(entered, name)| {
            let may_stay =
                *entered != entity || (**name == *room.name() && room.access.may_join(user));
            if !may_stay {
                members.remove(player);
                let closed = Told::Closed { room: name.clone() };
                outbox.send(player, closed.json());
            }
            may_stay
        });
        untold.0.insert(entity);
    }
}

/// Whoever leaves the server leaves its rooms.
pub(super) fn leave_all(
    left: On<Remove<InRooms>>,
    players: Query<&InRooms>,
    mut rooms: Query<&mut RoomMembers>,
    mut untold: ResMut<Untold>,
) {
    for room in players
        .get(left.entity)
        .iter()
        .flat_map(|rooms| rooms.iter())
    {
        if let Ok(mut members) = rooms.get_mut(room) {
            members.remove(left.entity);
            untold.0.insert(room);
        }
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
