//! Messages to clients, in the order in which the chat says them.

use std::collections::HashSet;

use bevy_bouncer::{DisconnectReason, Group, Outbox, PlayerCommands};
use bevy_ecs::prelude::*;

/// What the chat says, until it is handed over. It is one for requests of clients and of the game, so that what the game asks
/// for while a request is answered is said at that place.
#[derive(Resource, Default)]
pub(crate) struct MessageQueue(pub Vec<QueuedMessage>);

pub(crate) struct QueuedMessage {
    pub group: Group,
    pub text: String,
    /// The player who cannot go on without it.
    pub needed_by: Option<Entity>,
}

/// Hands everything over to the network. A player for whom there is no room for what it needs is closed, and begins
/// anew.
pub(super) fn send(mut queue: ResMut<MessageQueue>, mut outbox: Outbox, mut commands: Commands) {
    let mut without = HashSet::new();
    for message in std::mem::take(&mut queue.0) {
        if outbox.send_to_group(&message.group, message.text).is_err() {
            without.extend(message.needed_by);
        }
    }
    for player in without {
        let mut player = commands.entity(player);
        player.disconnect(DisconnectReason::Overloaded, None);
    }
}
