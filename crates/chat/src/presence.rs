//! Telling rooms what has changed: who is there, and what holds.

use std::{collections::BTreeSet, time::Instant};

use bevy_ecs::{prelude::*, system::SystemState};

use super::{
    ChatSettings,
    archive::Past,
    desk::Desk,
    events::Announcement,
    history::RoomHistory,
    members::{InRooms, RoomMembers},
    room::{Room, RoomRules},
    speak::{Teller, say},
    told::Told,
};
use bevy_bouncer::Outbox;

/// Rooms whose members have to hear who came and who left.
#[derive(Resource, Default)]
pub(super) struct Untold(pub BTreeSet<Entity>);

/// Rooms whose rules have changed.
type HasOtherRules = (Changed<RoomRules>, With<Room>);

/// Everything that the end of a tick tells the rooms.
pub(super) fn tell(
    world: &mut World,
    announcements: &mut SystemState<MessageReader<Announcement>>,
    rules: &mut SystemState<Query<Entity, HasOtherRules>>,
    outbox: &mut SystemState<Outbox>,
) {
    let announced: Vec<_> = match announcements.get_mut(world) {
        Ok(mut reader) => reader.read().cloned().collect(),
        Err(_) => Vec::new(),
    };
    let changed: Vec<_> = match rules.get_mut(world) {
        Ok(query) => query.iter().collect(),
        Err(_) => Vec::new(),
    };
    let mut desk = Desk::new(world);
    for Announcement { room, name, text } in announced {
        let teller = name.map_or(Teller::Game, Teller::Character);
        if say(&mut desk, room, teller, text).is_err() {
            tracing::warn!(%room, "nothing can be announced there: it is no room");
        }
    }
    for room in changed {
        tell_rules(&mut desk, room);
    }
    let untold = std::mem::take(&mut desk.world.resource_mut::<Untold>().0);
    for room in untold {
        tell_presence(&mut desk, room);
    }
    desk.finish(outbox);
}

fn tell_rules(desk: &mut Desk, entity: Entity) {
    let room = desk.world.get::<Room>(entity);
    let rules = desk.world.get::<RoomRules>(entity);
    if let (Some(room), Some(rules)) = (room, rules) {
        let told = Told::Rules {
            room: room.shared_name(),
            rules: rules.shown(),
        };
        desk.tell_room(entity, &told);
    }
}

fn tell_presence(desk: &mut Desk, entity: Entity) {
    let Some(room) = desk.world.get::<Room>(entity).map(Room::shared_name) else {
        return;
    };
    let (now, interval) = (desk.now, desk.options.presence_interval);
    let Some(mut members) = desk.world.get_mut::<RoomMembers>(entity) else {
        return;
    };
    let is_due = |at: Instant| now.duration_since(at) >= interval;
    if !members.told_at.is_none_or(is_due) {
        desk.world.resource_mut::<Untold>().0.insert(entity);
        return;
    }
    members.told_at = Some(now);
    let mut changes = Vec::new();
    while members.has_news() {
        changes.push(members.take_change());
    }
    for change in changes {
        let presence = Told::Presence {
            room: room.clone(),
            joined: change.joined,
            left: change.left,
        };
        desk.tell_room(entity, &presence);
    }
}

/// A room is no more.
pub(super) fn close(
    removed: On<Remove<Room>>,
    mut rooms: Query<(&Room, &mut RoomMembers, &mut RoomHistory)>,
    mut players: Query<&mut InRooms>,
    mut past: ResMut<Past>,
    settings: Res<ChatSettings>,
    mut outbox: Outbox,
) {
    let Ok((room, mut members, mut history)) = rooms.get_mut(removed.entity) else {
        return;
    };
    let name = room.shared_name();
    past.put(&mut history, settings.options.closed_rooms);
    let members = std::mem::take(&mut *members);
    for (player, _) in members.iter() {
        if let Ok(mut rooms) = players.get_mut(player) {
            rooms.0.retain(|(entered, _)| *entered != removed.entity);
        }
    }
    let players = members.iter().map(|(player, _)| player);
    outbox.send_to(players, Told::Closed { room: name }.json());
}
