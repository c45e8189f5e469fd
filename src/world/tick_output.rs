//! What the tick sends to the network: commands in the order in which they were given.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use bytes::Bytes;

use super::send_error::SendError;
use crate::{
    bridge::{Command, Recipients},
    config::Limits,
    identity::Payload,
    util::Counts,
    websocket::frame,
};

/// The tick's commands, until they are handed over together.
#[derive(Resource)]
pub(crate) struct TickOutput {
    commands: Vec<Command>,
    messages: usize,
    bytes: usize,
    messages_limit: usize,
    bytes_limit: usize,
    message_limit: usize,
    counts: Arc<Counts>,
}

impl TickOutput {
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

    /// Whether there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Adds a command about membership, or the first message of who joins. There are at most three for each
    /// place, so these need no limit.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Takes the tick's commands for the network.
    pub fn take(&mut self) -> Vec<Command> {
        self.messages = 0;
        self.bytes = 0;
        std::mem::take(&mut self.commands)
    }

    /// Adds one message. What does not fit is counted and logged.
    pub fn send(&mut self, to: Recipients, payload: &Payload) -> Result<(), SendError> {
        if let Err((error, limit)) = self.check(payload.len()) {
            Counts::count(&self.counts.refused_sends);
            tracing::warn!(%error, limit, bytes = payload.len(), "a message is not sent");
            return Err(error);
        }
        let frame: Bytes = frame::encode(payload);
        self.messages += 1;
        self.bytes += frame.len();
        self.commands.push(Command::Send { to, frame });
        Ok(())
    }

    /// Whether a message of this length fits, or the limit that it would break.
    fn check(&self, length: usize) -> Result<(), (SendError, &'static str)> {
        if length > self.message_limit {
            Err((SendError::TooLong, "limits.outgoing_queue_bytes"))
        } else if self.messages >= self.messages_limit {
            Err((SendError::QueueFull, "limits.outbox_messages"))
        } else if self.bytes + length > self.bytes_limit {
            Err((SendError::QueueFull, "limits.outbox_bytes"))
        } else {
            Ok(())
        }
    }
}
