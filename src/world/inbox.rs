//! What clients said, as the game reads it: within the tick's budget, and a fair share for each connection.

use bevy_ecs::{message::Messages, prelude::*};

use super::{events::ClientFrame, incoming::Incoming, roster::Roster};
use crate::{
    config::Limits,
    identity::{ConnectionId, Payload},
};

/// Messages that one connection may pass before it is the next one's turn.
const TURN_MESSAGES: usize = 16;
/// Bytes that one connection may pass before it is the next one's turn.
const TURN_BYTES: usize = 64 * 1024;

/// What the game still reads in this tick.
pub(super) struct ReadBudget {
    messages: usize,
    bytes: usize,
}

impl ReadBudget {
    pub fn new(limits: &Limits) -> Self {
        Self {
            messages: limits.frames_per_tick,
            bytes: limits.bytes_per_tick,
        }
    }

    pub fn is_spent(&self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    pub fn spend(&mut self, said: &[Payload]) {
        let bytes = said.iter().map(|payload| payload.len()).sum();
        self.messages = self.messages.saturating_sub(said.len());
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

pub(super) fn take_messages(world: &mut World, incoming: &Incoming, budget: &mut ReadBudget) {
    while !budget.is_spent() {
        let Ok(inbound) = incoming.end.ready.try_recv() else {
            return;
        };
        let (messages, bytes) = (budget.messages, budget.bytes);
        let taken = inbound.take(messages.min(TURN_MESSAGES), bytes.min(TURN_BYTES));
        budget.spend(&taken);
        let Some(entry) = world.resource::<Roster>().get(inbound.handle.id) else {
            continue;
        };
        let entity = entry.entity;
        write(world, entity, inbound.handle.id, taken);
    }
}

/// Gives the game what a player said through a connection.
pub(super) fn write(
    world: &mut World,
    entity: Entity,
    connection: ConnectionId,
    said: impl IntoIterator<Item = Payload>,
) {
    let frames = said.into_iter().map(|payload| ClientFrame {
        entity,
        connection,
        payload,
    });
    world
        .resource_mut::<Messages<ClientFrame>>()
        .write_batch(frames);
}
