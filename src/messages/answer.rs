//! Answers to clients, and those who make too many errors.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bevy_bouncer_protocol::{Ack, ErrorCode, ServerMessage};
use bevy_ecs::prelude::*;

use super::{hello::milliseconds, options::MessageOptions};
use crate::{
    identity::DisconnectReason,
    world::{Connection, Outbox, PlayerCommands},
};

/// Within this time, [`MessageOptions::errors`] are too many.
const ERRORS_WITHIN: Duration = Duration::from_secs(5);

/// The errors that a player made lately. Whoever makes too many is closed with 4400 at the end of the tick.
#[derive(Component, Debug, Default)]
pub struct ClientErrors {
    lately: VecDeque<Instant>,
    too_many: bool,
}

impl ClientErrors {
    /// Counts an error that a player was told.
    pub fn count(world: &mut World, player: Entity) {
        let most = world.resource::<MessageOptions>().errors;
        let Ok(mut player) = world.get_entity_mut(player) else {
            return;
        };
        if !player.contains::<Connection>() {
            return;
        }
        let now = Instant::now();
        let mut entry = player.entry::<Self>().or_default();
        let mut errors = entry.get_mut();
        let is_old = |at: &Instant| now.duration_since(*at) > ERRORS_WITHIN;
        while errors.lately.front().is_some_and(is_old) {
            errors.lately.pop_front();
        }
        errors.lately.push_back(now);
        if errors.lately.len() >= most {
            errors.lately.clear();
            errors.too_many = true;
        }
    }

    /// Whether a player made too many: what it says does not count any more.
    pub fn are_too_many(world: &World, player: Entity) -> bool {
        world.get::<Self>(player).is_some_and(|it| it.too_many)
    }
}

/// Closes those who made too many errors, once they were told everything.
pub(super) fn close_noisy(
    players: Query<(Entity, &ClientErrors), Changed<ClientErrors>>,
    mut commands: Commands,
) {
    for (player, errors) in &players {
        if errors.too_many {
            let reason = DisconnectReason::BadProtocol;
            commands.entity(player).disconnect(reason, None);
        }
    }
}

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
