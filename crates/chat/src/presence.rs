//! Telling rooms what has changed: who is there, and what holds.

use std::time::Instant;

use bevy_bouncer::text::{clean, clean_line};
use bevy_bouncer_protocol::ServerMessage;
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    context::{ChatContext, say::Author},
    events::speaking::Announcement,
    model::{
        members::{ChangedRooms, RoomMembers},
        room::{Room, RoomRules},
    },
};

/// Rooms whose rules have changed.
type HasOtherRules = (Changed<RoomRules>, With<Room>);

/// The rooms whose rules have changed since their members were told.
#[derive(Resource, Default)]
pub(crate) struct ChangedRules(Vec<Entity>);

/// Notes the rooms whose rules have changed.
pub(crate) fn note_changed_rules(
    rules: Query<Entity, HasOtherRules>,
    mut changed: ResMut<ChangedRules>,
) {
    for room in rules {
        changed.0.push(room);
    }
}

/// Whether rooms have something to hear besides announcements.
pub(crate) fn has_changes(
    changed_rooms: Res<ChangedRooms>,
    changed_rules: Res<ChangedRules>,
) -> bool {
    !changed_rooms.0.is_empty() || !changed_rules.0.is_empty()
}

/// Everything that the end of a tick tells the rooms.
pub(crate) fn tell(
    world: &mut World,
    announcements: &mut SystemState<MessageReader<Announcement>>,
) {
    let announced: Vec<_> = match announcements.get_mut(world) {
        Ok(mut reader) => reader.read().cloned().collect(),
        Err(_) => Vec::new(),
    };
    let changed = std::mem::take(&mut world.resource_mut::<ChangedRules>().0);
    let mut context = ChatContext::new(world);
    for announcement in announced {
        announce(&mut context, announcement);
    }
    for room in changed {
        tell_rules(&mut context, room);
    }
    let changed = std::mem::take(&mut context.world.resource_mut::<ChangedRooms>().0);
    for room in changed {
        tell_presence(&mut context, room);
    }
    context.finish();
}

fn announce(context: &mut ChatContext, Announcement { room, name, text }: Announcement) {
    let name = name.map(|name| clean_line(&name).into_owned());
    let text = clean(&text).into_owned();
    if text.is_empty() || name.as_ref().is_some_and(String::is_empty) {
        tracing::error!(%room, "nothing is announced: there is nothing to see in the name or in the words");
        return;
    }
    let author = name.map_or(Author::Game, Author::Character);
    if context.say(room, author, text).is_err() {
        tracing::error!(%room, "nothing can be announced there: it is no room that can be joined");
    }
}

fn tell_rules(context: &mut ChatContext, entity: Entity) {
    let room = context.world.get::<Room>(entity);
    let rules = context.world.get::<RoomRules>(entity);
    if let (Some(room), Some(rules)) = (room, rules) {
        let message = ServerMessage::Rules {
            room: room.shared_name(),
            rules: rules.shown(),
        };
        context.tell_room(entity, &message);
    }
}

fn tell_presence(context: &mut ChatContext, entity: Entity) {
    let Some(room) = context.world.get::<Room>(entity).map(Room::shared_name) else {
        return;
    };
    let (now, interval) = (context.now, context.options.presence_interval);
    let Some(mut members) = context.world.get_mut::<RoomMembers>(entity) else {
        return;
    };
    let is_due = |at: Instant| now.duration_since(at) >= interval;
    if !members.told_at.is_none_or(is_due) {
        let mut changed = context.world.resource_mut::<ChangedRooms>();
        changed.0.insert(entity);
        return;
    }
    members.told_at = Some(now);
    let mut changes = Vec::new();
    while members.has_news() {
        changes.push(members.take_change());
    }
    for change in changes {
        let presence = ServerMessage::Presence {
            room: room.clone(),
            joined: change.joined,
            left: change.left,
        };
        context.tell_room(entity, &presence);
    }
}
