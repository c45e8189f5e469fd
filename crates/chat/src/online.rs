//! Tells the other nodes who is online here.

use std::{
    collections::{BTreeSet, HashSet},
    time::Instant,
};

use bevy_bouncer::{Players, SharedStateChanged, User, UserId};
use bevy_ecs::prelude::*;

use crate::{
    model::{
        fleet_presence::{FleetPresence, OnlineUser},
        members::InRooms,
        role::rank_of,
    },
    options::SharedOptions,
};

/// Players who are somewhere else now, or somebody else.
type IsOther = Or<(Changed<User>, Changed<InRooms>)>;

/// Users of whom a session has ended, and when the other nodes were told last.
#[derive(Resource, Default)]
pub(crate) struct Untold {
    left: HashSet<UserId>,
    told: Option<Instant>,
}

/// A session is over.
pub(crate) fn on_user_left(
    removed: On<Remove<User>>,
    users: Query<&User>,
    mut untold: ResMut<Untold>,
) {
    if let Ok(user) = users.get(removed.entity) {
        untold.left.insert(user.id().clone());
    }
}

/// Whether it is time to tell.
pub(crate) fn is_due(untold: Res<Untold>, options: Res<SharedOptions>) -> bool {
    let interval = options.0.presence_interval;
    untold.told.is_none_or(|at| at.elapsed() >= interval)
}

/// Tells what has changed since the last time.
pub(crate) fn tell(
    others: Query<&User, IsOther>,
    sessions: Query<(&User, Option<&InRooms>)>,
    players: Res<Players>,
    mut untold: ResMut<Untold>,
    mut presence: ResMut<FleetPresence>,
) {
    let now = Instant::now();
    untold.told = Some(now);
    let changed = others.iter().map(|user| user.id().clone());
    let changed: HashSet<UserId> = changed.chain(untold.left.drain()).collect();
    for user in changed {
        let entities = players.of(&user).iter();
        let sessions: Vec<_> = entities.filter_map(|it| sessions.get(*it).ok()).collect();
        let online = sessions.first().map(|(first, _)| {
            let rooms = sessions.iter().flat_map(|(_, rooms)| rooms.iter());
            let rooms = rooms.flat_map(|rooms| rooms.0.iter());
            let rooms: BTreeSet<&str> = rooms.map(|entered| &*entered.name).collect();
            OnlineUser {
                name: first.name().to_owned(),
                rank: sessions
                    .iter()
                    .map(|(user, _)| rank_of(user))
                    .max()
                    .unwrap_or(0),
                rooms: rooms.into_iter().map(str::to_owned).collect(),
            }
        });
        presence.tell(&user, online);
    }
    presence.renew(now);
}

/// Hears who is online on other nodes.
pub(crate) fn hear(
    mut changes: MessageReader<SharedStateChanged>,
    mut presence: ResMut<FleetPresence>,
) {
    for change in changes.read() {
        presence.hear(change);
    }
}
