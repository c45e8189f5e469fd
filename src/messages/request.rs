//! What clients of `bouncer.v1` ask for: each text frame is read once.

use bevy_bouncer_protocol::{Ack, ErrorCode, REQUEST_ID_MAX_BYTES};
use bevy_ecs::{prelude::*, system::SystemState};
use serde_json::{Map, Value};

use super::{answer, errors::ClientErrors, refresh, speaks, typed::KnownMessages};
use crate::{
    identity::ConnectionId,
    world::{ClientFrame, Connection},
};

/// A request of a client with one of the names that
/// [`add_client_requests`](crate::ClientMessageApp::add_client_requests) made known. Whoever did answers it.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct ClientRequest {
    /// The player.
    pub player: Entity,
    /// The connection that it came through.
    pub connection: ConnectionId,
    /// What an answer refers to.
    pub id: Option<String>,
    /// Every field of the request but its `id`: `op` is among them.
    pub fields: Map<String, Value>,
}

/// A message of a client, read as far as every message is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMessage {
    /// What an answer refers to.
    pub id: Option<String>,
    /// Its name.
    pub op: String,
    /// All its fields but the id: `op` is among them.
    pub fields: Map<String, Value>,
}

/// A message of a client that cannot be read. The answer is [`ErrorCode::BadRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMessage {
    /// What an answer refers to, where that can be read.
    pub id: Option<String>,
}

/// Reads a message of a client.
///
/// # Errors
/// [`BadMessage`] when it is no object with an `op`, or its id has not 1 to 64 bytes.
pub fn parse_client_message(text: &str) -> Result<ClientMessage, BadMessage> {
    let bad = |id| BadMessage { id };
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| bad(None))?;
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if (1..=REQUEST_ID_MAX_BYTES).contains(&id.len()) => Some(id),
        Some(_) => return Err(bad(None)),
    };
    match fields.get("op").and_then(Value::as_str) {
        Some(op) => {
            let op = op.to_owned();
            Ok(ClientMessage { id, op, fields })
        }
        None => Err(bad(id)),
    }
}

/// Reads everything that has come. Binary messages are the game's.
pub(crate) fn receive(world: &mut World, frames: &mut SystemState<MessageReader<ClientFrame>>) {
    let frames: Vec<ClientFrame> = match frames.get_mut(world) {
        Ok(mut reader) => reader.read().cloned().collect(),
        Err(_) => return,
    };
    for frame in frames {
        let connection = world.get::<Connection>(frame.entity);
        if connection.is_some_and(|it| speaks(it) && it.id() == frame.connection)
            && !ClientErrors::are_too_many(world, frame.entity)
            && let Some(text) = frame.payload.as_text()
        {
            read(world, &frame, text);
        }
    }
}

fn read(world: &mut World, frame: &ClientFrame, text: &str) {
    let player = frame.entity;
    let ClientMessage { id, op, mut fields } = match parse_client_message(text) {
        Ok(message) => message,
        Err(BadMessage { id }) => {
            return answer::answer(world, player, id, Err((ErrorCode::BadRequest, None)));
        }
    };
    if op == "auth.refresh" {
        if let Err(denied) = refresh::start(world, player, id.clone(), &fields) {
            answer::answer(world, player, id, Err(denied));
        }
        return;
    }
    let known = world.resource::<KnownMessages>();
    if known.requests.contains(op.as_str()) {
        world.write_message(ClientRequest {
            player,
            connection: frame.connection,
            id,
            fields,
        });
        return;
    }
    let result = match known.typed.get(op.as_str()).copied() {
        None => Err((ErrorCode::UnknownOp, None)),
        Some(deliver) => {
            let content = fields.remove("d").unwrap_or(Value::Null);
            deliver(world, player, content).map_err(|error| {
                // The error's own words have the client's in them.
                let (kind, column) = (error.classify(), error.column());
                tracing::debug!(%player, op, ?kind, column, "a message does not fit");
                (ErrorCode::SchemaMismatch, None)
            })
        }
    };
    answer::answer(world, player, id, result.map(|()| Ack::default()));
}
