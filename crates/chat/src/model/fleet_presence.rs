//! Who is online on the other nodes of the fleet, in which rooms, and with which rank.

use std::collections::HashMap;

use bevy_bouncer::UserId;
use bevy_ecs::prelude::*;

/// A user on another node, as that node has told it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnlineUser {
    /// What the user is called.
    pub name: String,
    /// A player (0), a moderator (1) or an admin (2).
    pub rank: u8,
    /// The names of the rooms that the user is in there, in the order of the alphabet.
    pub rooms: Vec<String>,
}

/// Who is online on the other nodes of the fleet, in which rooms, and with which rank: as they told it last, usually a
/// tenth of a second ago. Users of a node that has died are gone after
/// [`ClusterOptions::seat_lifetime`](bevy_bouncer::ClusterOptions::seat_lifetime). Empty without a cluster.
///
/// Users of this node are not in it: for them ask [`Players`](bevy_bouncer::Players).
///
/// ```
/// use bevy_bouncer::UserId;
/// use bevy_bouncer_chat::FleetPresence;
/// use bevy_ecs::prelude::*;
///
/// fn is_a_moderator_elsewhere(presence: Res<FleetPresence>, user: UserId) -> bool {
///     presence.rank_of(&user).is_some_and(|rank| rank > 0)
/// }
/// ```
#[derive(Resource, Debug, Default)]
pub struct FleetPresence {
    /// By user, and by the node that told it.
    users: HashMap<UserId, HashMap<String, OnlineUser>>,
}

impl FleetPresence {
    /// The rank of a user who is online on another node, the highest if on several; `None` when the user is on none.
    pub fn rank_of(&self, user: &UserId) -> Option<u8> {
        self.of(user).map(|online| online.rank).max()
    }

    /// A user as each other node has told it: several when the user is on several nodes.
    pub fn of(&self, user: &UserId) -> impl Iterator<Item = &OnlineUser> {
        self.users.get(user).into_iter().flat_map(HashMap::values)
    }

    /// Everybody who is online on another node, once for each of these nodes.
    pub fn iter(&self) -> impl Iterator<Item = (&UserId, &OnlineUser)> {
        let users = self.users.iter();
        users.flat_map(|(user, nodes)| nodes.values().map(move |online| (user, online)))
    }
}
