//! What clients of `bouncer.v1` are told, and how many errors they may make.

use std::time::Duration;

use bevy_ecs::prelude::*;

/// What clients of `bouncer.v1` are told, and how many errors they may make. Insert another one to change it.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct MessageOptions {
    /// Time between two signs of life to every player, by which pages notice a dead line. Default 10 s.
    pub heartbeat: Duration,
    /// The longest wait that clients are told to keep before their first attempt to come back; it doubles with each.
    /// Default 1 s.
    pub reconnect_first: Duration,
    /// The longest wait that clients are told to keep before they come back. Default 30 s.
    pub reconnect_longest: Duration,
    /// Errors within five seconds after which a player is closed with 4400. Default 20.
    pub errors: usize,
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            reconnect_first: Duration::from_secs(1),
            reconnect_longest: Duration::from_secs(30),
            errors: 20,
        }
    }
}
