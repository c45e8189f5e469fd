//! Who stays in a room when the room or the user changes.

use bevy_bouncer::{Outbox, User};
use bevy_bouncer_protocol::ServerMessage;
use bevy_ecs::prelude::*;

use crate::{
    model::{
        closed_rooms::ClosedRooms,
        history::RoomHistory,
        members::{ChangedRooms, InRooms, RoomMembers},
        room::Room,
        users::Users,
    },
    options::SharedOptions,
    protocol::json,
};

/// A room has another door, or another name.
pub(crate) fn on_room_changed(
    inserted: On<Insert<Room>>,
    mut rooms: Query<(&Room, &mut RoomMembers)>,
    mut players: Query<(&User, &mut InRooms)>,
    mut changed_rooms: ResMut<ChangedRooms>,
    mut outbox: Outbox,
) {
    let entity = inserted.entity;
    let Ok((room, mut members)) = rooms.get_mut(entity) else {
        return;
    };
    let inside: Vec<_> = members.iter().map(|(player, _)| player).collect();
    for player in inside {
        let Ok((user, mut entered)) = players.get_mut(player) else {
            continue;
        };
        entered.0.retain(|entered| {
            let may_stay = entered.room != entity
                || (*entered.name == *room.name() && room.access.may_join(user));
            if !may_stay {
                members.remove(player);
                let room = entered.name.clone();
                let closed = ServerMessage::Closed { room };
                // What does not fit is in the log, and counted.
                let _ = outbox.send(player, json(&closed));
            }
            may_stay
        });
        changed_rooms.0.insert(entity);
    }
}

/// A player who leaves the server leaves its rooms.
pub(crate) fn on_player_left(
    left: On<Remove<InRooms>>,
    players: Query<&InRooms>,
    mut rooms: Query<&mut RoomMembers>,
    mut changed_rooms: ResMut<ChangedRooms>,
) {
    for room in players
        .get(left.entity)
        .iter()
        .flat_map(|rooms| rooms.iter())
    {
        if let Ok(mut members) = rooms.get_mut(room) {
            members.remove(left.entity);
            changed_rooms.0.insert(room);
        }
    }
}

/// A user has another name or other roles: some rooms may not be for the player any more.
pub(crate) fn on_user_changed(
    changed: On<Insert<User>>,
    mut players: Query<(&User, Option<&mut InRooms>)>,
    mut rooms: Query<(&Room, &mut RoomMembers)>,
    mut users: ResMut<Users>,
    mut changed_rooms: ResMut<ChangedRooms>,
    mut outbox: Outbox,
) {
    let player = changed.entity;
    let Ok((user, entered)) = players.get_mut(player) else {
        return;
    };
    if let Some(record) = users.get_mut(user.id()) {
        record.update(user);
    }
    let Some(mut entered) = entered else {
        return;
    };
    entered.0.retain(|entered| {
        let Ok((room, mut members)) = rooms.get_mut(entered.room) else {
            return false;
        };
        changed_rooms.0.insert(entered.room);
        let may_stay = room.access.may_join(user);
        if may_stay {
            members.change(player, user);
        } else {
            members.remove(player);
            let room = entered.name.clone();
            let closed = ServerMessage::Closed { room };
            // What does not fit is in the log, and counted.
            let _ = outbox.send(player, json(&closed));
        }
        may_stay
    });
}

/// A room is closed: its members leave it, and what was said is kept for the next time.
pub(crate) fn on_room_closed(
    removed: On<Remove<Room>>,
    mut rooms: Query<(&Room, &mut RoomMembers, &mut RoomHistory)>,
    mut players: Query<&mut InRooms>,
    mut closed_rooms: ResMut<ClosedRooms>,
    options: Res<SharedOptions>,
    mut outbox: Outbox,
) {
    let Ok((room, mut members, mut history)) = rooms.get_mut(removed.entity) else {
        return;
    };
    let name = room.shared_name();
    closed_rooms.put(&mut history, options.0.closed_rooms);
    let members = std::mem::take(&mut *members);
    for (player, _) in members.iter() {
        if let Ok(mut rooms) = players.get_mut(player) {
            rooms.remove(removed.entity);
        }
    }
    let players = members.iter().map(|(player, _)| player);
    // What does not fit is in the log, and counted.
    let _ = outbox.send_to(players, json(&ServerMessage::Closed { room: name }));
}
