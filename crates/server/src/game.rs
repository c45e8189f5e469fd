//! The game: what happens with the messages of the players. Replace it with your own.
//!
//! A client without `bouncer.v1` says something by a text message, and hears `{"from":{"id","name"},"text"}`. One that
//! agreed on `bouncer.v1` says `{"op":"say","d":{"text"}}` and hears the same as `{"op":"said","d":…}`: its other
//! messages are requests to the server, with tokens among them.

use std::sync::Arc;

use bevy::prelude::*;
use bevy_bouncer::{
    Audience, ClientFrame, ClientMessageApp, Cluster, ClusterFrame, Connection, FromPlayer, Group,
    Outbox, TypedMessage, TypedOutbox, User,
};
use bevy_bouncer_protocol::BOUNCER_V1;
use serde::{Deserialize, Serialize};

/// What the nodes of a fleet tell each other under.
const CHANNEL: &str = "bouncer.said";

/// What a client of `bouncer.v1` says.
#[derive(Deserialize)]
struct Say {
    text: String,
}

/// What all players read when one of them has said something. Who said it is what the door established, whatever the
/// message says.
#[derive(Message, Debug, Serialize, Deserialize)]
struct Said {
    from: From,
    text: String,
    /// The other node on which it was said.
    #[serde(skip)]
    node: Option<Arc<str>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct From {
    id: String,
    name: String,
}

impl TypedMessage for Said {
    const OP: &'static str = "said";
}

impl Said {
    fn new(user: &User, text: &str) -> Self {
        let from = From {
            id: user.id().as_str().to_owned(),
            name: user.name().to_owned(),
        };
        Self {
            from,
            text: text.to_owned(),
            node: None,
        }
    }
}

/// Adds the game. With `echo` each message goes back to its sender, else each text goes to everybody, on every node of a
/// fleet.
pub fn add_to(app: &mut App, echoes: bool, subprotocols: &[String]) {
    if subprotocols.iter().any(|name| name == BOUNCER_V1) {
        app.add_client_message::<Say>("say");
    } else {
        app.add_message::<FromPlayer<Say>>();
    }
    if echoes {
        app.add_systems(Update, (echo, echo_typed));
        return;
    }
    app.add_message::<Said>().add_systems(
        Update,
        (
            (listen, listen_typed).chain(),
            (spread, hear).chain().run_if(resource_exists::<Cluster>),
            tell,
        )
            .chain(),
    );
}

/// What the client writes is the game's own: not a request to the server.
fn is_plain(connection: &Connection) -> bool {
    connection.subprotocol() != Some(BOUNCER_V1)
}

/// As it came.
fn echo(
    mut frames: MessageReader<ClientFrame>,
    connections: Query<&Connection>,
    mut outbox: Outbox,
) {
    for frame in frames.read() {
        let is_binary = frame.payload.as_text().is_none();
        if is_binary || connections.get(frame.entity).is_ok_and(is_plain) {
            // What does not fit is in the log, and counted.
            let _ = outbox.send(frame.entity, frame.payload.clone());
        }
    }
}

fn echo_typed(mut heard: MessageReader<FromPlayer<Say>>, users: Query<&User>, mut outbox: Outbox) {
    for FromPlayer { player, message } in heard.read() {
        if let Ok(user) = users.get(*player) {
            let _ = outbox.send_typed(*player, &Said::new(user, &message.text));
        }
    }
}

/// Binary messages mean nothing here.
fn listen(
    mut frames: MessageReader<ClientFrame>,
    users: Query<(&User, &Connection)>,
    mut said: MessageWriter<Said>,
) {
    for frame in frames.read() {
        if let (Some(text), Ok((user, connection))) =
            (frame.payload.as_text(), users.get(frame.entity))
            && is_plain(connection)
        {
            said.write(Said::new(user, text));
        }
    }
}

fn listen_typed(
    mut heard: MessageReader<FromPlayer<Say>>,
    users: Query<&User>,
    mut said: MessageWriter<Said>,
) {
    for FromPlayer { player, message } in heard.read() {
        if let Ok(user) = users.get(*player) {
            said.write(Said::new(user, &message.text));
        }
    }
}

/// Tells the other nodes what was said on this one.
fn spread(mut said: MessageReader<Said>, cluster: Res<Cluster>) -> Result {
    for said in said.read().filter(|said| said.node.is_none()) {
        // What is not taken is counted.
        let _ = cluster.publish_on(CHANNEL, serde_json::to_string(said)?);
    }
    Ok(())
}

/// What was said on other nodes.
fn hear(mut frames: MessageReader<ClusterFrame>, mut said: MessageWriter<Said>) {
    for frame in frames.read() {
        if matches!(&frame.audience, Audience::Channel(name) if &**name == CHANNEL)
            && let Some(text) = frame.payload.as_text()
        {
            match serde_json::from_str::<Said>(text) {
                Ok(heard) => said.write(Said {
                    node: Some(frame.node.clone()),
                    ..heard
                }),
                Err(error) => {
                    warn!(%error, node = %frame.node, "what another node says is not understood");
                    continue;
                }
            };
        }
    }
}

/// Each in the form of the client's subprotocol.
fn tell(
    mut said: MessageReader<Said>,
    connections: Query<&Connection>,
    mut outbox: Outbox,
) -> Result {
    if said.is_empty() {
        return Ok(());
    }
    let (plain, typed): (Vec<_>, Vec<_>) = connections.iter().partition(|it| is_plain(it));
    let (plain, typed): (Group, Group) = (plain.into_iter().collect(), typed.into_iter().collect());
    for said in said.read() {
        let _ = outbox.send_to_group(&plain, serde_json::to_string(said)?);
        let _ = outbox.send_typed_to_group(&typed, said);
    }
    Ok(())
}
