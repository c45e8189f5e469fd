//! What the game sends. Kept in order until the end of the tick, then handed over together.

use bevy_ecs::{prelude::*, system::SystemParam};

use super::{components::Connection, group::Group, send_error::SendError, tick_output::TickOutput};
use crate::{bridge::Recipients, identity::Payload};

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
