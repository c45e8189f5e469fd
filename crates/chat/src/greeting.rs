//! What the chat adds to the first message to a player, and what it says next.

use bevy_bouncer::{LinkRestored, Outbox, Players, User, UserId};
use bevy_bouncer_protocol::{MessageLimits, ServerMessage};
use bevy_ecs::prelude::*;
use serde_json::{Map, Value};

use crate::{
    context::ChatContext,
    entry,
    model::{
        members::{InRooms, RoomMembers},
        role::rank_of,
        users::{Place, Users},
    },
    options::{ChatOptions, SharedOptions},
    protocol::{json, milliseconds},
};

/// A player has come, and hears where it may not speak.
pub(crate) fn hello(
    joined: On<Add<User>>,
    players: Query<&User>,
    mut greeter: Greeter,
    outbox: Outbox,
) {
    if let Ok(user) = players.get(joined.entity) {
        greeter.update_record(user);
        greeter.greet(joined.entity, user, outbox);
    }
}

/// A player's connection is another one. What was sent meanwhile is lost.
pub(crate) fn hello_again(
    restored: On<LinkRestored>,
    players: Query<(&User, Option<&InRooms>)>,
    mut rooms: Query<&mut RoomMembers>,
    greeter: Greeter,
    outbox: Outbox,
    mut commands: Commands,
) {
    let Ok((user, entered)) = players.get(restored.entity) else {
        return;
    };
    for room in entered.iter().flat_map(|entered| entered.iter()) {
        if let Ok(mut members) = rooms.get_mut(room) {
            members.group = None;
        }
    }
    greeter.greet(restored.entity, user, outbox);
    let player = restored.entity;
    commands.queue(move |world: &mut World| tell_rooms_given(world, player));
}

/// A client asks for its own rooms again, and cannot know of those into which the game has put it.
fn tell_rooms_given(world: &mut World, player: Entity) {
    let mut context = ChatContext::new(world);
    for room in context.rooms_given_to(player) {
        entry::tell_joined(&mut context, player, room);
    }
    context.finish();
}

/// What is needed to greet a player.
#[derive(bevy_ecs::system::SystemParam)]
pub(crate) struct Greeter<'w> {
    options: Res<'w, SharedOptions>,
    users: ResMut<'w, Users>,
    players: Res<'w, Players>,
}

impl Greeter<'_> {
    /// Users who were here can be moderated, also when they have left.
    fn update_record(&mut self, user: &User) {
        let is_connected = |user: &UserId| !self.players.of(user).is_empty();
        let (options, place) = (&self.options.0, Place::IfThereIsOne);
        let record = self
            .users
            .get_or_insert(user.id(), options, is_connected, place);
        if let Some(record) = record {
            record.update(user);
        }
    }

    fn greet(&self, player: Entity, user: &User, mut outbox: Outbox) {
        let record = self.users.get(user.id());
        for (place, mute, left) in record.iter().flat_map(|record| record.mutes()) {
            let muted = ServerMessage::Muted {
                room: place.room().map(str::to_owned),
                left_ms: milliseconds(left),
                reason: mute.reason.clone(),
            };
            // What does not fit is in the log, and counted.
            let _ = outbox.send(player, json(&muted));
        }
    }
}

/// What the chat adds to `hello`.
pub(crate) fn add_to_hello(world: &World, user: &User, hello: &mut Map<String, Value>) {
    hello.insert("rank".to_owned(), rank_of(user).into());
    let limits = limits(&world.resource::<SharedOptions>().0);
    // Only maps with keys that are no strings cannot be written, and there are none.
    let limits = serde_json::to_value(limits).unwrap_or_default();
    hello.insert("limits".to_owned(), limits);
}

fn limits(options: &ChatOptions) -> MessageLimits {
    MessageLimits {
        text_length: options.text_length,
        text_lines: options.text_lines,
        burst: options.burst,
        messages_per_second: options.messages_per_second,
        rooms_per_player: options.rooms_per_player,
        history_page: options.history_page,
    }
}
