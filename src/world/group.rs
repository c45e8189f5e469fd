//! Players to whom many messages go.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;

use super::components::Connection;
use crate::identity::ConnectionId;

/// A set of players: a room, a team, everybody near a place. Made once and sent to many times, it costs
/// nothing for each message, and each of its members is looked at once in a tick, however many messages
/// the group gets.
///
/// It holds connections, which are never used again: a player who has left gets nothing, and one who comes back
/// is not in it. When its members change, make it anew. It is cheap to clone and can be a component of the entity
/// that is the room.
///
/// ```
/// use bevy_bouncer::{Connection, Group, Outbox};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Red;
///
/// fn encourage(team: Query<&Connection, With<Red>>, mut outbox: Outbox) -> Result {
///     let team: Group = team.iter().collect();
///     outbox.send_to_group(&team, "you are ahead")?;
///     outbox.send_to_group(&team, "keep going")?;
///     Ok(())
/// }
/// ```
#[derive(Component, Debug, Clone, Default, Reflect)]
#[reflect(opaque)]
#[reflect(Component, Debug, Clone, Default)]
pub struct Group(pub(crate) Arc<[ConnectionId]>);

impl Group {
    /// How many connections it has, also those that have ended since.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ConnectionId> for Group {
    fn from_iter<I: IntoIterator<Item = ConnectionId>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl<'a> FromIterator<&'a Connection> for Group {
    fn from_iter<I: IntoIterator<Item = &'a Connection>>(connections: I) -> Self {
        connections.into_iter().map(Connection::id).collect()
    }
}
