//! What the game sends. Kept in order until the end of the tick, then handed over together.

use bevy_ecs::{prelude::*, system::SystemParam};
use thiserror::Error;

use super::{components::Connection, group::Group, tick_output::TickOutput};
use crate::{bridge::Recipients, identity::Payload};

/// Why a message was not taken.
///
/// A system or an observer can return it with `?`. Bevy's error handler then panics, unless the app has
/// another one, as a server should: `app.set_error_handler(bevy_ecs::error::error)` logs it and goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The entity is not a player, or has left. Neither counted nor logged: players leave at any time.
    #[error("the entity is not a player")]
    NotAPlayer,
    /// The message is longer than [`Limits::outgoing_queue_bytes`](crate::Limits::outgoing_queue_bytes), so that
    /// no client could get it. Logged, and counted in [`Counters::refused_sends`](crate::Counters::refused_sends).
    /// Between nodes: longer than [`ClusterOptions::frame_bytes`](crate::ClusterOptions::frame_bytes), counted in
    /// [`ClusterCounters::unsent`](crate::ClusterCounters::unsent).
    #[error("the message is too long")]
    TooLong,
    /// So much waits for the network that [`Limits::outbox_messages`](crate::Limits::outbox_messages) or
    /// [`Limits::outbox_bytes`](crate::Limits::outbox_bytes) is reached. Logged, and counted in
    /// [`Counters::refused_sends`](crate::Counters::refused_sends). Between nodes:
    /// [`ClusterOptions::outgoing_frames`](crate::ClusterOptions::outgoing_frames) wait, counted in
    /// [`ClusterCounters::unsent`](crate::ClusterCounters::unsent).
    #[error("too much waits for the network")]
    QueueFull,
}

/// Sends messages to players: a system parameter for any system or observer.
///
/// Messages go out at the end of the tick (`PostUpdate`, [`BouncerSystems::Send`]) in the order in
/// which they were sent. Each is encoded once, however many players it is for. A player who leaves before
/// gets nothing; one who joins later in the tick does not get what was broadcast before.
///
/// `Ok` says that the message is on its way, not that it arrives: a client may leave before it reads it. An error
/// is a message that nobody gets; [`SendError`] says why.
///
/// ```
/// use bevy_bouncer::{ClientFrame, Outbox};
/// use bevy_ecs::prelude::*;
///
/// fn relay(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
///     for frame in frames.read() {
///         // A message that is not taken is logged and counted. With `?` it would hold up the others'.
///         outbox.broadcast_except(frame.entity, frame.payload.clone()).ok();
///     }
/// }
/// ```
///
/// [`BouncerSystems::Send`]: crate::BouncerSystems::Send
#[derive(SystemParam)]
pub struct Outbox<'w, 's> {
    output: ResMut<'w, TickOutput>,
    connections: Query<'w, 's, &'static Connection>,
}

impl Outbox<'_, '_> {
    /// Sends to one player.
    ///
    /// # Errors
    /// Any [`SendError`].
    pub fn send(&mut self, player: Entity, payload: impl Into<Payload>) -> Result<(), SendError> {
        let connection = self
            .connections
            .get(player)
            .map_err(|_| SendError::NotAPlayer)?;
        let recipient = Recipients::One(connection.id());
        self.output.send(recipient, &payload.into())
    }

    /// Sends one message to these players, each once. Entities that are not players are left out.
    ///
    /// # Errors
    /// [`SendError::TooLong`] and [`SendError::QueueFull`].
    pub fn send_to(
        &mut self,
        players: impl IntoIterator<Item = Entity>,
        payload: impl Into<Payload>,
    ) -> Result<(), SendError> {
        let connections = players
            .into_iter()
            .filter_map(|player| self.connections.get(player).ok());
        let group: Group = connections.collect();
        self.send_to_group(&group, payload)
    }

    /// Sends one message to a group, to each member once. Members who have left are left out.
    ///
    /// # Errors
    /// [`SendError::TooLong`] and [`SendError::QueueFull`].
    pub fn send_to_group(
        &mut self,
        group: &Group,
        payload: impl Into<Payload>,
    ) -> Result<(), SendError> {
        let members = Recipients::Some(group.0.clone());
        self.output.send(members, &payload.into())
    }

    /// Sends to every player.
    ///
    /// # Errors
    /// [`SendError::TooLong`] and [`SendError::QueueFull`].
    pub fn broadcast(&mut self, payload: impl Into<Payload>) -> Result<(), SendError> {
        self.output.send(Recipients::Everyone, &payload.into())
    }

    /// Sends to every player but one. When that entity is not a player, everybody gets it.
    ///
    /// # Errors
    /// [`SendError::TooLong`] and [`SendError::QueueFull`].
    pub fn broadcast_except(
        &mut self,
        player: Entity,
        payload: impl Into<Payload>,
    ) -> Result<(), SendError> {
        let recipients = match self.connections.get(player) {
            Ok(connection) => Recipients::EveryoneBut(connection.id()),
            Err(_) => Recipients::Everyone,
        };
        self.output.send(recipients, &payload.into())
    }
}
