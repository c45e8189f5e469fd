//! Answers to clients.

use std::time::Duration;

use bevy_bouncer_protocol::{Ack, ErrorCode, ServerMessage};
use bevy_ecs::prelude::*;

use super::{errors::ClientErrors, hello::milliseconds};
use crate::{
    identity::DisconnectReason,
    world::{Outbox, PlayerCommands},
};

/// A refusal, with the time after which the request may come again.
pub(super) type Denied = (ErrorCode, Option<Duration>);

/// Tells a player what came of a request. A player for whose answer there is no room is closed, and begins anew.
pub(super) fn answer(
    world: &mut World,
    player: Entity,
    id: Option<String>,
    result: Result<Ack, Denied>,
) {
    let message = match (result, id) {
        (Ok(ack), Some(re)) => ServerMessage::Ack(Box::new(Ack { re, ..ack })),
        (Ok(_), None) => return,
        (Err((code, retry)), re) => {
            ClientErrors::count(world, player);
            ServerMessage::Err {
                re,
                code: code.as_str().into(),
                retry_ms: retry.map(milliseconds),
            }
        }
    };
    if let Err(error) = world.run_system_cached_with(send, (player, json(&message))) {
        tracing::error!(%error, "a client is not answered");
    }
}

fn send(In((player, text)): In<(Entity, String)>, mut outbox: Outbox, mut commands: Commands) {
    if outbox.send(player, text).is_err()
        && let Ok(mut player) = commands.get_entity(player)
    {
        player.disconnect(DisconnectReason::Overloaded, None);
    }
}

/// A message as it is sent.
pub(super) fn json(message: &ServerMessage) -> String {
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_string(message).unwrap_or_default()
}
