//! What the game sends. Kept in order until the end of the tick, then handed over as one command.

use std::sync::Arc;

use bevy_ecs::{prelude::*, system::SystemParam};
use bytes::Bytes;

use super::{components::Connection, group::Group};
use crate::{
    bridge::{Command, Recipients},
    config::Limits,
    connection::frame,
    identity::Payload,
    util::Counts,
};

/// The tick's commands, in the order in which they were given.
#[derive(Resource)]
pub(crate) struct Outgoing {
    pub commands: Vec<Command>,
    messages: usize,
    bytes: usize,
    messages_limit: usize,
    bytes_limit: usize,
    message_limit: usize,
    counts: Arc<Counts>,
}

impl Outgoing {
    pub fn new(limits: &Limits, counts: Arc<Counts>) -> Self {
        Self {
            commands: Vec::new(),
            messages: 0,
            bytes: 0,
            messages_limit: limits.outbox_messages,
            bytes_limit: limits.outbox_bytes,
            message_limit: limits.outgoing_queue_bytes,
            counts,
        }
    }

    /// Adds a command about membership. There are at most two for each place, so these need no limit.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Takes the tick's commands for the network.
    pub fn take(&mut self) -> Vec<Command> {
        self.messages = 0;
        self.bytes = 0;
        std::mem::take(&mut self.commands)
    }

    fn send(&mut self, to: Recipients, payload: &Payload) -> bool {
        let refused = if payload.len() > self.message_limit {
            Some("longer than limits.outgoing_queue_bytes")
        } else if self.messages >= self.messages_limit {
            Some("more than limits.outbox_messages wait")
        } else if self.bytes + payload.len() > self.bytes_limit {
            Some("more than limits.outbox_bytes wait")
        } else {
            None
        };
        if let Some(reason) = refused {
            Counts::count(&self.counts.refused_sends);
            tracing::warn!(reason, bytes = payload.len(), "a message is not sent");
            return false;
        }
        let frame: Bytes = frame::encode(payload);
        self.messages += 1;
        self.bytes += frame.len();
        self.commands.push(Command::Send { to, frame });
        true
    }
}

/// Sends messages to players: a system parameter for any system or observer.
///
/// Messages go out at the end of the tick (`PostUpdate`, [`BouncerSystems::Send`]) in the order in
/// which they were sent. Each is encoded once, however many players it is for. Whoever leaves before
/// gets nothing; whoever joins later in the tick does not get what was broadcast before.
///
/// Every method answers whether the message was taken. It is not when it is longer than
/// [`Limits::outgoing_queue_bytes`], or when so much waits for the network that
/// [`Limits::outbox_messages`] or [`Limits::outbox_bytes`] is reached; both are logged and counted.
///
/// ```
/// use bevy_bouncer::{ClientFrame, Outbox};
/// use bevy_ecs::prelude::*;
///
/// fn relay(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
///     for frame in frames.read() {
///         outbox.broadcast_except(frame.entity, frame.payload.clone());
///     }
/// }
/// ```
///
/// [`BouncerSystems::Send`]: crate::BouncerSystems::Send
/// [`Limits::outgoing_queue_bytes`]: crate::Limits::outgoing_queue_bytes
/// [`Limits::outbox_messages`]: crate::Limits::outbox_messages
/// [`Limits::outbox_bytes`]: crate::Limits::outbox_bytes
#[derive(SystemParam)]
pub struct Outbox<'w, 's> {
    outgoing: ResMut<'w, Outgoing>,
    connections: Query<'w, 's, &'static Connection>,
}

impl Outbox<'_, '_> {
    /// Sends to one player. An entity that is not a player gets nothing.
    pub fn send(&mut self, player: Entity, payload: impl Into<Payload>) -> bool {
        let Ok(connection) = self.connections.get(player) else {
            return false;
        };
        self.outgoing
            .send(Recipients::One(connection.id()), &payload.into())
    }

    /// Sends one message to these players, each once.
    pub fn send_to(
        &mut self,
        players: impl IntoIterator<Item = Entity>,
        payload: impl Into<Payload>,
    ) -> bool {
        let connections = players
            .into_iter()
            .filter_map(|player| self.connections.get(player).ok());
        let group: Group = connections.collect();
        self.send_to_group(&group, payload)
    }

    /// Sends one message to a group, to each member once.
    pub fn send_to_group(&mut self, group: &Group, payload: impl Into<Payload>) -> bool {
        self.outgoing
            .send(Recipients::Some(group.0.clone()), &payload.into())
    }

    /// Sends to every player.
    pub fn broadcast(&mut self, payload: impl Into<Payload>) -> bool {
        self.outgoing.send(Recipients::Everyone, &payload.into())
    }

    /// Sends to every player but one.
    pub fn broadcast_except(&mut self, player: Entity, payload: impl Into<Payload>) -> bool {
        let recipients = match self.connections.get(player) {
            Ok(connection) => Recipients::EveryoneBut(connection.id()),
            Err(_) => Recipients::Everyone,
        };
        self.outgoing.send(recipients, &payload.into())
    }
}
