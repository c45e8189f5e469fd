//! The number of a connection.

use std::fmt;

use bevy_reflect::prelude::*;
use serde::{Deserialize, Serialize};

/// The number of one WebSocket connection, unique within the process and never used again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Reflect,
)]
#[reflect(Debug, Clone, PartialEq, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl ConnectionId {
    /// The connection with this number, for instance as `GET /v1/players` lists it.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
