//! The first message to a player, and those that keep a session alive.

use std::time::Instant;

use bevy_bouncer::{
    Bouncer, Connection, LinkRestored, Outbox, Players, TokenExpiring, User, UserId,
};
use bevy_bouncer_protocol::{MessageLimits, OwnUser, ReconnectHints, ServerMessage};
use bevy_ecs::prelude::*;

use crate::{
    model::{
        members::{InRooms, RoomMembers},
        role::rank_of,
        users::Users,
    },
    options::{ChatOptions, SharedOptions},
    protocol::{json, milliseconds},
};

/// The first message to a player.
pub(crate) fn hello(
    joined: On<Add<User>>,
    players: Query<(&User, &Connection)>,
    mut greeter: Greeter,
    outbox: Outbox,
) {
    if let Ok((user, connection)) = players.get(joined.entity) {
        greeter.update_record(user);
        greeter.greet(joined.entity, user, connection, outbox);
    }
}

/// The first message to a player whose connection is another one. What was sent meanwhile is lost.
pub(crate) fn hello_again(
    restored: On<LinkRestored>,
    players: Query<(&User, &Connection, Option<&InRooms>)>,
    mut rooms: Query<&mut RoomMembers>,
    greeter: Greeter,
    outbox: Outbox,
) {
    let Ok((user, connection, entered)) = players.get(restored.entity) else {
        return;
    };
    for room in entered.iter().flat_map(|entered| entered.iter()) {
        if let Ok(mut members) = rooms.get_mut(room) {
            members.group = None;
        }
    }
    greeter.greet(restored.entity, user, connection, outbox);
}

/// What is needed to greet a player.
#[derive(bevy_ecs::system::SystemParam)]
pub(crate) struct Greeter<'w> {
    options: Res<'w, SharedOptions>,
    bouncer: Res<'w, Bouncer>,
    users: ResMut<'w, Users>,
    players: Res<'w, Players>,
}

impl Greeter<'_> {
    /// Users who were here can be moderated, also when they have left.
    fn update_record(&mut self, user: &User) {
        let is_connected = |user: &UserId| !self.players.of(user).is_empty();
        let record = self
            .users
            .get_or_insert(user.id(), &self.options.0, is_connected);
        if let Some(record) = record {
            record.update(user);
        }
    }

    fn greet(&self, player: Entity, user: &User, connection: &Connection, mut outbox: Outbox) {
        let options = &self.options.0;
        let hello = ServerMessage::Hello {
            user: OwnUser {
                id: user.id().as_str().into(),
                name: user.name().to_owned(),
                roles: user.roles().to_vec(),
            },
            rank: rank_of(user),
            exp: self.bouncer.expires_at(connection.id()),
            heartbeat_ms: milliseconds(options.heartbeat),
            reconnect: ReconnectHints {
                first_ms: milliseconds(options.reconnect_first),
                longest_ms: milliseconds(options.reconnect_longest),
            },
            limits: limits(options),
        };
        // What does not fit is in the log, and counted.
        let _ = outbox.send(player, json(&hello));
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

fn limits(options: &ChatOptions) -> MessageLimits {
    MessageLimits {
        text_length: options.text_length,
        burst: options.burst,
        messages_per_second: options.messages_per_second,
        rooms_per_player: options.rooms_per_player,
        history_page: options.history_page,
    }
}

/// Asks a player for a new token.
pub(crate) fn ask_for_token(expiring: On<TokenExpiring>, mut outbox: Outbox) {
    let message = ServerMessage::Expiring {
        ends_at: expiring.ends_at,
    };
    // What does not fit is in the log, and counted.
    let _ = outbox.send(expiring.entity, json(&message));
}

/// Sends a sign of life, for pages, which cannot see a ping.
pub(crate) fn beat(
    options: Res<SharedOptions>,
    mut last: Local<Option<Instant>>,
    mut outbox: Outbox,
) {
    let now = Instant::now();
    if now.duration_since(*last.get_or_insert(now)) >= options.0.heartbeat {
        *last = Some(now);
        // What does not fit is in the log, and counted.
        let _ = outbox.broadcast(json(&ServerMessage::Beat {}));
    }
}
