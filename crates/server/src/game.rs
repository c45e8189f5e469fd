//! The game: what happens with the messages of the players. Replace it with your own.

use bevy::prelude::*;
use bevy_bouncer::{ClientFrame, Connection, Outbox, User};
use serde::Serialize;

/// What clients offer whose messages are requests to the server.
pub const BOUNCER_V1: &str = "bouncer.v1";

/// What all players read when one of them has written something.
#[derive(Serialize)]
struct Relayed<'a> {
    from: From<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct From<'a> {
    id: &'a str,
    name: &'a str,
}

/// Sends each message back to its sender as it came.
pub fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        // What does not fit is in the log, and counted.
        let _ = outbox.send(frame.entity, frame.payload.clone());
    }
}

/// Sends each text message to everybody. Who wrote it is what the door established, whatever the
/// message says. Binary messages mean nothing here.
pub fn relay(
    mut frames: MessageReader<ClientFrame>,
    users: Query<(&User, &Connection)>,
    mut outbox: Outbox,
) -> Result {
    for frame in frames.read() {
        let (Some(text), Ok((user, connection))) =
            (frame.payload.as_text(), users.get(frame.entity))
        else {
            continue;
        };
        // Requests to the server, with tokens among them.
        if connection.subprotocol() == Some(BOUNCER_V1) {
            continue;
        }
        let _ = outbox.broadcast(relayed(user, text)?);
    }
    Ok(())
}

/// What a user wrote, for everybody.
pub fn relayed(user: &User, text: &str) -> serde_json::Result<String> {
    let from = From {
        id: user.id().as_str(),
        name: user.name(),
    };
    serde_json::to_string(&Relayed { from, text })
}
