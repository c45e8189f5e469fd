//! Which entity is which connection, and the one way in which each of them leaves.

use std::{collections::HashMap, sync::Arc, time::Instant};

use bevy_ecs::{lifecycle::Remove, prelude::*};

use super::{
    components::{Connection, Players},
    events::{Disconnect, Disconnected},
    outbox::Outgoing,
};
use crate::{
    bridge::{Command, Inlet},
    identity::{ConnectionId, DisconnectReason, Goodbye},
    registry::Registry,
};

/// All player entities.
#[derive(Resource)]
pub(crate) struct Roster {
    by_connection: HashMap<ConnectionId, Place>,
}

pub(crate) struct Place {
    pub entity: Entity,
    pub inlet: Arc<Inlet>,
    /// `Disconnected` was triggered; only the despawn is left.
    pub leaving: bool,
    /// When the player leaves whose connection is lost.
    pub absent_until: Option<Instant>,
}

impl Roster {
    /// With room for so many from the start.
    pub fn new(room: usize) -> Self {
        Self {
            by_connection: HashMap::with_capacity(room),
        }
    }

    pub fn insert(&mut self, entity: Entity, inlet: Arc<Inlet>) {
        let place = Place {
            entity,
            inlet,
            leaving: false,
            absent_until: None,
        };
        self.by_connection.insert(place.inlet.handle.id, place);
    }

    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Place> {
        self.by_connection.get_mut(&id)
    }

    /// Another connection has taken the player over.
    pub fn remove(&mut self, id: ConnectionId) -> Option<Place> {
        self.by_connection.remove(&id)
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Place> {
        self.by_connection.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ConnectionId, &Place)> {
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
    let Some(place) = roster.by_connection.get_mut(&id) else {
        return false;
    };
    if place.leaving {
        return false;
    }
    place.leaving = true;
    let (entity, handle) = (place.entity, place.inlet.handle.clone());
    let user = handle.user.clone();
    world.resource_mut::<Players>().remove(user.id(), entity);
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
pub(crate) fn dismiss(world: &mut World, id: ConnectionId, goodbye: Goodbye) {
    let Some(place) = world.resource::<Roster>().get(id) else {
        return;
    };
    let (entity, handle) = (place.entity, place.inlet.handle.clone());
    place.inlet.close();
    // When the session has ended otherwise just now, its departure is on the way and finds that
    // nothing is left to tell.
    let registry = world.resource::<RegistryRef>().0.clone();
    registry.end(&handle, goodbye.clone());
    if farewell(world, id, goodbye.reason) {
        let leave = Command::Leave { id, goodbye };
        world.resource_mut::<Outgoing>().push(leave);
    }
    world.resource_mut::<Roster>().by_connection.remove(&id);
    world.try_despawn(entity).ok();
}

/// `Disconnect` asks.
pub(crate) fn on_disconnect(
    asked: On<Disconnect>,
    connections: Query<&Connection>,
    mut commands: Commands,
) {
    if let Ok(connection) = connections.get(asked.entity) {
        let (id, goodbye) = (connection.id(), asked.goodbye());
        commands.queue(move |world: &mut World| dismiss(world, id, goodbye));
    }
}

/// The game despawned a player, or took the connection off it: the same as a kick. When a player left
/// in another way, the roster does not know it any more or has told it, and nothing happens.
pub(crate) fn on_remove(
    removed: On<Remove<Connection>>,
    connections: Query<&Connection>,
    mut commands: Commands,
) {
    if let Ok(connection) = connections.get(removed.entity) {
        let id = connection.id();
        let goodbye = DisconnectReason::Kicked.into();
        commands.queue(move |world: &mut World| dismiss(world, id, goodbye));
    }
}
