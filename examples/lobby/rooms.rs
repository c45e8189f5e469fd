//! The rooms of the lobby.

use bevy::prelude::*;
use bevy_bouncer_chat::{ByRole, Room};

use crate::accounts::MODERATOR;

/// Opens them. Everybody is in the first one, and only moderators see the last one.
pub fn open(mut commands: Commands) {
    for name in ["lobby", "looking for group", "trade"] {
        commands.spawn(Room::open(name));
    }
    commands.spawn(Room::new("moderators", ByRole(MODERATOR.to_owned())));
}
