//! What a connection hears before anything else.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::{components::Connection, tick_output::TickOutput};
use crate::{
    bridge::{Command, Recipients},
    connection::{Handle, Outbound},
    identity::{Payload, User},
    websocket::frame,
};

/// Writes what a connection hears first, or nothing.
type Write = fn(&World, &Handle, &Connection, &User) -> Option<Payload>;

/// Who writes what a connection hears first.
#[derive(Resource, Default)]
pub(crate) struct FirstMessage(pub Option<Write>);

/// Lets a connection join, with its first message. Both are in the tick's output before the player has
/// its [`Connection`], and so before anybody can send anything to it: whatever observers, systems and
/// broadcasts send comes behind. One for each join, so it needs no limit.
pub(super) fn join(
    world: &mut World,
    handle: &Handle,
    connection: &Connection,
    user: &User,
    outbound: Arc<Outbound>,
) {
    let write = world.get_resource::<FirstMessage>().and_then(|it| it.0);
    let first = write.and_then(|write| write(world, handle, connection, user));
    let mut output = world.resource_mut::<TickOutput>();
    let id = handle.id;
    output.push(Command::Join { id, outbound });
    if let Some(payload) = first {
        output.push(Command::Send {
            to: Recipients::One(id),
            frame: frame::encode(&payload),
        });
    }
}
