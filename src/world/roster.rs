//! Which entity is which connection, and the one way in which each of them leaves.

use std::{collections::HashMap, sync::Arc, time::Instant};

use bevy_ecs::{lifecycle::Remove, prelude::*};

use super::{
    components::{Connection, Players},
    events::{Disconnected, Leaving},
    tick_output::TickOutput,
};
use crate::{
    bridge::Command,
    connection::Inbound,
    identity::{CloseReason, ConnectionId, DisconnectReason, OwnedComponents},
    registry::Registry,
};

/// All player entities.
#[derive(Resource)]
pub(crate) struct Roster {
    by_connection: HashMap<ConnectionId, PlayerEntry>,
}

/// What the game knows of a player's connection.
pub(crate) struct PlayerEntry {
    pub entity: Entity,
    pub inbound: Arc<Inbound>,
    /// `Disconnected` was triggered; only the despawn is left.
    pub leaving: bool,
    /// When the player leaves whose connection is lost.
    pub absent_until: Option<Instant>,
    /// What the entity was given of the directory.
    pub owned: OwnedComponents,
}

impl Roster {
    /// With room for so many from the start.
    pub fn new(room: usize) -> Self {
        Self {
            by_connection: HashMap::with_capacity(room),
        }
    }

    pub fn insert(&mut self, entity: Entity, inbound: Arc<Inbound>, owned: OwnedComponents) {
        let entry = PlayerEntry {
            entity,
            inbound,
            leaving: false,
            absent_until: None,
            owned,
        };
        self.by_connection.insert(entry.inbound.handle.id, entry);
    }

    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut PlayerEntry> {
        self.by_connection.get_mut(&id)
    }

    /// Another connection has taken the player over.
    pub fn remove(&mut self, id: ConnectionId) -> Option<PlayerEntry> {
        self.by_connection.remove(&id)
    }

    pub fn get(&self, id: ConnectionId) -> Option<&PlayerEntry> {
        self.by_connection.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ConnectionId, &PlayerEntry)> {
        self.by_connection.iter()
    }
}

/// The registry, for systems and observers.
#[derive(Resource, Clone)]
pub(crate) struct RegistryRef(pub Arc<Registry>);

/// Triggers `Disconnected`, once. True when this was it: then [`Command::Leave`] has to follow the last
/// message for this connection.
pub(crate) fn farewell(world: &mut World, id: ConnectionId, reason: DisconnectReason) -> bool {
    let mut roster = world.resource_mut::<Roster>();
    let Some(entry) = roster.by_connection.get_mut(&id) else {
        return false;
    };
    if entry.leaving {
        return false;
    }
    entry.leaving = true;
    let (entity, handle) = (entry.entity, entry.inbound.handle.clone());
    let user = handle.user();
    world.resource_mut::<Players>().remove(user.id(), entity);
    if let Ok(mut player) = world.get_entity_mut(entity) {
        player.insert(Leaving);
    }
    tracing::debug!(user = %user.id(), connection = %id, %reason, "a player left");
    world.trigger(Disconnected {
        entity,
        user,
        reason,
    });
    true
}

/// Ends a session in order, for the game: what was sent before still goes out. The entity is gone
/// afterwards.
pub(crate) fn dismiss(world: &mut World, id: ConnectionId, close_reason: CloseReason) {
    let Some(entry) = world.resource::<Roster>().get(id) else {
        return;
    };
    let (entity, handle) = (entry.entity, entry.inbound.handle.clone());
    entry.inbound.close();
    // When the session has ended otherwise just now, its departure is on the way and finds that
    // nothing is left to tell.
    let registry = world.resource::<RegistryRef>().0.clone();
    registry.end(&handle, close_reason.clone());
    if farewell(world, id, close_reason.reason) {
        let leave = Command::Leave { id, close_reason };
        world.resource_mut::<TickOutput>().push(leave);
    }
    world.resource_mut::<Roster>().by_connection.remove(&id);
    world.try_despawn(entity).ok();
}

/// The game despawned a player, or removed its [`Connection`]: the player is kicked. When a player left in
/// another way, it is not in the roster any more or is leaving, and nothing happens.
pub(crate) fn on_remove(
    removed: On<Remove<Connection>>,
    connections: Query<&Connection>,
    mut commands: Commands,
) {
    if let Ok(connection) = connections.get(removed.entity) {
        let id = connection.id();
        let close_reason = DisconnectReason::Kicked.into();
        commands.queue(move |world: &mut World| dismiss(world, id, close_reason));
    }
}
