//! Which entity is which connection, and the one way in which each of them leaves.

use std::{collections::HashMap, sync::Arc};

use bevy_ecs::{lifecycle::Remove, prelude::*, world::DeferredWorld};

use super::{Connection, Disconnect, Disconnected, Players, outbox::Outgoing};
use crate::{
    bridge::{Command, Inlet},
    goodbye::{DisconnectReason, Goodbye},
    identity::ConnectionId,
    registry::Registry,
};

/// All player entities.
#[derive(Resource, Default)]
pub(crate) struct Roster {
    by_connection: HashMap<ConnectionId, Place>,
}

pub(crate) struct Place {
    pub entity: Entity,
    pub inlet: Arc<Inlet>,
    /// `Disconnected` was triggered; only the despawn is left.
    pub leaving: bool,
}

impl Roster {
    pub fn insert(&mut self, entity: Entity, inlet: Arc<Inlet>) {
        let place = Place {
            entity,
            inlet,
            leaving: false,
        };
        self.by_connection.insert(place.inlet.handle.id, place);
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

/// Triggers `Disconnected`, once, and tells the network that this was the last for this connection.
pub(crate) fn farewell(world: &mut DeferredWorld, id: ConnectionId, goodbye: Goodbye) {
    let mut roster = world.resource_mut::<Roster>();
    let Some(place) = roster.by_connection.get_mut(&id) else {
        return;
    };
    if place.leaving {
        return;
    }
    place.leaving = true;
    let (entity, handle) = (place.entity, place.inlet.handle.clone());
    world
        .resource_mut::<Players>()
        .remove(handle.user.id(), entity);
    let reason = goodbye.reason;
    tracing::debug!(user = %handle.user.id(), connection = %id, %reason, "a player left");
    world.trigger(Disconnected { entity, reason });
    world
        .resource_mut::<Outgoing>()
        .push(Command::Leave { id, goodbye });
}

/// Ends the session of an entity in order, for the game: what was sent before still goes out.
fn dismiss(world: &mut DeferredWorld, id: ConnectionId, goodbye: Goodbye) {
    let Some(place) = world.resource::<Roster>().get(id) else {
        return;
    };
    let handle = place.inlet.handle.clone();
    place.inlet.close();
    // When the session has ended otherwise just now, its departure is on the way and finds that
    // nothing is left to tell.
    let registry = world.resource::<RegistryRef>().0.clone();
    registry.end(&handle, goodbye.clone(), false);
    farewell(world, id, goodbye);
}

/// `Disconnect` asks.
pub(crate) fn on_disconnect(asked: On<Disconnect>, mut world: DeferredWorld) {
    let entity = asked.entity;
    let Some(id) = world.get::<Connection>(entity).map(Connection::id) else {
        return;
    };
    dismiss(&mut world, id, asked.goodbye());
    world.commands().entity(entity).try_despawn();
}

/// The game despawned a player, or took the connection off it: the same as a kick.
pub(crate) fn on_remove(removed: On<Remove, Connection>, mut world: DeferredWorld) {
    let entity = removed.entity;
    let Some(id) = world.get::<Connection>(entity).map(Connection::id) else {
        return;
    };
    dismiss(&mut world, id, DisconnectReason::Kicked.into());
    world.resource_mut::<Roster>().by_connection.remove(&id);
    world.commands().entity(entity).try_despawn();
}
