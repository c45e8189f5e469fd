//! What a player entity has, and where to find it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::SystemTime};

use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;

use crate::identity::{ConnectionId, Extra, UserId};

/// The connection behind a player entity. Immutable; removing it ends the session.
///
/// It is reflected as an opaque value and not as a component, as [`User`](crate::User) is, and for the same
/// reasons.
#[derive(Component, Debug, Clone, PartialEq, Eq, Reflect)]
#[component(immutable)]
#[reflect(opaque)]
#[reflect(Debug, Clone, PartialEq)]
pub struct Connection {
    id: ConnectionId,
    peer: SocketAddr,
    since: SystemTime,
    subprotocol: Option<Arc<str>>,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        peer: SocketAddr,
        since: SystemTime,
        subprotocol: Option<Arc<str>>,
    ) -> Self {
        Self {
            id,
            peer,
            since,
            subprotocol,
        }
    }

    /// The number of the connection, which is never used again.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The address of the client: the peer of the socket, or, when that is one of the
    /// [`trusted_proxies`](crate::BouncerConfig::trusted_proxies), the address that the proxy names. Then the
    /// port is 0 unless the proxy tells it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The one of the [`subprotocols`](crate::BouncerConfig::subprotocols) that client and server agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// When the player was verified.
    pub fn since(&self) -> SystemTime {
        self.since
    }
}

/// The entities of each user who is in.
#[derive(Resource, Debug, Default)]
pub struct Players {
    entities: HashMap<UserId, Vec<Entity>>,
    count: usize,
}

impl Players {
    /// With room for so many from the start.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            entities: HashMap::with_capacity(room),
            count: 0,
        }
    }

    /// The sessions of a user, oldest first. Empty when the user is not in.
    pub fn of(&self, user: &UserId) -> &[Entity] {
        self.entities.get(user).map_or(&[], Vec::as_slice)
    }

    /// Every user who is in, with the sessions.
    pub fn iter(&self) -> impl Iterator<Item = (&UserId, &[Entity])> {
        self.entities
            .iter()
            .map(|(user, entities)| (user, entities.as_slice()))
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn insert(&mut self, user: UserId, entity: Entity) {
        let of_user = self.entities.entry(user);
        // Most users have one session.
        of_user
            .or_insert_with(|| Vec::with_capacity(1))
            .push(entity);
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, user: &UserId, entity: Entity) {
        let Some(entities) = self.entities.get_mut(user) else {
            return;
        };
        let before = entities.len();
        entities.retain(|held| *held != entity);
        self.count -= before - entities.len();
        if entities.is_empty() {
            self.entities.remove(user);
        }
    }
}

/// The authenticator's components. An observer of one may despawn the player.
pub(super) fn insert_all(player: &mut EntityWorldMut<'_>, extras: Vec<Box<dyn Extra>>) {
    for extra in extras {
        if player.is_despawned() {
            return;
        }
        extra.insert(player);
    }
}
