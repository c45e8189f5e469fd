//! The first message to a connection, and the signs of life.

use std::time::{Duration, Instant};

use bevy_app::App;
use bevy_bouncer_protocol::{OwnUser, ReconnectHints, ServerMessage};
use bevy_ecs::prelude::*;
use serde_json::{Map, Value};

use super::{Options, answer::json, speaks};
use crate::{
    connection::Handle,
    identity::{Payload, User},
    util::milliseconds_until,
    world::{Connection, FirstMessage, Group, Outbox},
};

/// Adds fields to the `hello` of a user.
pub type HelloPart = fn(&World, &User, &mut Map<String, Value>);

/// What others add to `hello`.
#[derive(Resource, Default)]
pub(super) struct HelloParts(pub Vec<HelloPart>);

pub(crate) fn add_to(app: &mut App) {
    app.init_resource::<HelloParts>()
        .insert_resource(FirstMessage(Some(hello)));
}

fn hello(world: &World, handle: &Handle, connection: &Connection, user: &User) -> Option<Payload> {
    if !speaks(connection) {
        return None;
    }
    let options = &world.resource::<Options>().0;
    let expires_at = handle.token().expires_at;
    let hello = ServerMessage::Hello {
        user: OwnUser {
            id: user.id().as_str().into(),
            name: user.name().to_owned(),
            roles: user.roles().to_vec(),
        },
        rank: None,
        exp: expires_at,
        expires_in_ms: expires_at.map(milliseconds_until),
        heartbeat_ms: milliseconds(options.heartbeat),
        reconnect: ReconnectHints {
            first_ms: milliseconds(options.reconnect_first),
            longest_ms: milliseconds(options.reconnect_longest),
        },
        limits: None,
    };
    let Ok(Value::Object(mut fields)) = serde_json::to_value(&hello) else {
        return None;
    };
    for add in &world.resource::<HelloParts>().0 {
        add(world, user, &mut fields);
    }
    Some(Value::Object(fields).to_string().into())
}

/// Sends a sign of life, for pages, which cannot see a ping.
pub(super) fn beat(
    options: Res<Options>,
    connections: Query<&Connection>,
    mut last: Local<Option<Instant>>,
    mut outbox: Outbox,
) {
    let now = Instant::now();
    if now.duration_since(*last.get_or_insert(now)) >= options.0.heartbeat {
        *last = Some(now);
        let group: Group = connections.iter().filter(|it| speaks(it)).collect();
        // What does not fit is in the log, and counted.
        let _ = outbox.send_to_group(&group, json(&ServerMessage::Beat {}));
    }
}

/// Rounded up, so that the time is over then.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}
