//! The game's own messages, and the requests that plugins answer.

use std::collections::{HashMap, HashSet};

use bevy_app::App;
use bevy_bouncer_protocol::{Envelope, OPS};
use bevy_ecs::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::hello::{HelloPart, HelloParts};
use crate::world::{Group, Outbox, SendError};

/// A message of the game's own from a client: `{"op": …, "d": …}` with a name that
/// [`add_client_message`](ClientMessageApp::add_client_message) made known.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct FromPlayer<T: Send + Sync + 'static> {
    /// The player.
    pub player: Entity,
    /// The content.
    pub message: T,
}

/// Makes the game's own messages known.
pub trait ClientMessageApp {
    /// From now on `{"op": name, "d": …}` of a client is a [`FromPlayer<T>`] message. Content that does
    /// not fit `T` is answered with `schema_mismatch` and harms nobody else.
    ///
    /// ```
    /// use bevy_app::prelude::*;
    /// use bevy_bouncer::{ClientMessageApp, FromPlayer};
    /// use bevy_ecs::prelude::*;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Move { x: f32, y: f32 }
    ///
    /// fn walk(mut moves: MessageReader<FromPlayer<Move>>) {
    ///     for FromPlayer { player, message } in moves.read() {
    ///         println!("{player} goes to {} {}", message.x, message.y);
    ///     }
    /// }
    ///
    /// App::new().add_client_message::<Move>("move").add_systems(Update, walk);
    /// ```
    ///
    /// # Panics
    /// When the name is the chat's, or was given before.
    fn add_client_message<T>(&mut self, name: &str) -> &mut Self
    where
        T: DeserializeOwned + Send + Sync + 'static;

    /// From now on requests with these names are [`ClientRequest`](crate::ClientRequest) messages.
    fn add_client_requests(&mut self, names: impl IntoIterator<Item = &'static str>) -> &mut Self;

    /// Adds fields to each `hello`.
    fn add_hello_part(&mut self, part: HelloPart) -> &mut Self;
}

impl ClientMessageApp for App {
    fn add_client_message<T>(&mut self, name: &str) -> &mut Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        assert!(!OPS.contains(&name), "`{name}` is the chat's own");
        self.add_message::<FromPlayer<T>>();
        self.init_resource::<KnownMessages>();
        let mut known = self.world_mut().resource_mut::<KnownMessages>();
        let before = known.typed.insert(name.to_owned(), deliver::<T>);
        assert!(before.is_none(), "`{name}` is the name of another message");
        self
    }

    fn add_client_requests(&mut self, names: impl IntoIterator<Item = &'static str>) -> &mut Self {
        self.init_resource::<KnownMessages>();
        let mut known = self.world_mut().resource_mut::<KnownMessages>();
        known.requests.extend(names);
        self
    }

    fn add_hello_part(&mut self, part: HelloPart) -> &mut Self {
        self.init_resource::<HelloParts>();
        self.world_mut().resource_mut::<HelloParts>().0.push(part);
        self
    }
}

/// How to deliver each of the game's messages, and what plugins answer.
#[derive(Resource, Default)]
pub(crate) struct KnownMessages {
    pub(super) typed: HashMap<String, Deliver>,
    pub(super) requests: HashSet<&'static str>,
}

type Deliver = fn(&mut World, Entity, Value) -> serde_json::Result<()>;

fn deliver<T>(world: &mut World, player: Entity, content: Value) -> serde_json::Result<()>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let message: T = serde_json::from_value(content)?;
    world.write_message(FromPlayer { player, message });
    Ok(())
}

/// A message of the game's own to clients, which read `{"op": OP, "d": …}`.
///
/// ```
/// use bevy_bouncer::Outbox;
/// use bevy_bouncer::{TypedMessage, TypedOutbox};
///
/// #[derive(serde::Serialize)]
/// struct State { tick: u64 }
///
/// impl TypedMessage for State {
///     const OP: &'static str = "state";
/// }
///
/// fn tell(mut outbox: Outbox) -> bevy_ecs::error::Result {
///     outbox.broadcast_typed(&State { tick: 7 })?;
///     Ok(())
/// }
/// ```
pub trait TypedMessage: Serialize {
    /// The name, which should be none of the chat's.
    const OP: &'static str;
}

/// Why a message of the game's own was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendTypedError {
    /// The [`Outbox`] did not take it.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It cannot be written as JSON.
    #[error("the message cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Sends the game's own messages.
///
/// # Errors
/// Each method answers as the one of [`Outbox`] does that it is named after, or with
/// [`SendTypedError::Json`].
pub trait TypedOutbox {
    /// Sends to one player.
    fn send_typed<T: TypedMessage>(
        &mut self,
        player: Entity,
        message: &T,
    ) -> Result<(), SendTypedError>;
    /// Sends to a group.
    fn send_typed_to_group<T: TypedMessage>(
        &mut self,
        group: &Group,
        message: &T,
    ) -> Result<(), SendTypedError>;
    /// Sends to every player.
    fn broadcast_typed<T: TypedMessage>(&mut self, message: &T) -> Result<(), SendTypedError>;
}

impl TypedOutbox for Outbox<'_, '_> {
    fn send_typed<T: TypedMessage>(
        &mut self,
        player: Entity,
        message: &T,
    ) -> Result<(), SendTypedError> {
        Ok(self.send(player, json(message)?)?)
    }

    fn send_typed_to_group<T: TypedMessage>(
        &mut self,
        group: &Group,
        message: &T,
    ) -> Result<(), SendTypedError> {
        Ok(self.send_to_group(group, json(message)?)?)
    }

    fn broadcast_typed<T: TypedMessage>(&mut self, message: &T) -> Result<(), SendTypedError> {
        Ok(self.broadcast(json(message)?)?)
    }
}

fn json<T: TypedMessage>(message: &T) -> serde_json::Result<String> {
    serde_json::to_string(&Envelope {
        op: T::OP.into(),
        id: None,
        d: message,
    })
}
