//! What clients said, as the game reads it: within the tick's budget, and a fair share for each connection.

use bevy_ecs::{message::Messages, prelude::*};

use super::{events::ClientFrame, incoming::Incoming, roster::Roster};

/// Messages that one connection may pass before it is the next one's turn.
const TURN_MESSAGES: usize = 16;
/// Bytes that one connection may pass before it is the next one's turn.
const TURN_BYTES: usize = 64 * 1024;
pub(super) fn take_messages(world: &mut World, incoming: &Incoming) {
    let mut messages = incoming.limits.frames_per_tick;
    let mut bytes = incoming.limits.bytes_per_tick;
    while messages > 0 && bytes > 0 {
        let Ok(inbound) = incoming.end.ready.try_recv() else {
            return;
        };
        let taken = inbound.take(messages.min(TURN_MESSAGES), bytes.min(TURN_BYTES));
        messages -= taken.len();
        let length: usize = taken.iter().map(|payload| payload.len()).sum();
        bytes = bytes.saturating_sub(length);
        let Some(entry) = world.resource::<Roster>().get(inbound.handle.id) else {
            continue;
        };
        let (entity, connection) = (entry.entity, inbound.handle.id);
        world
            .resource_mut::<Messages<ClientFrame>>()
            .write_batch(taken.into_iter().map(|payload| ClientFrame {
                entity,
                connection,
                payload,
            }));
    }
}
