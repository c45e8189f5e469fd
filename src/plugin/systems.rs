//! When this crate's systems run.

#[cfg(doc)]
use bevy_app::{Last, PostUpdate, PreUpdate};
use bevy_ecs::prelude::*;

/// When this crate's systems run.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BouncerSystems {
    /// In [`PreUpdate`]: who left, who joined, and what they said.
    Receive,
    /// In [`PostUpdate`]: the tick's output goes out, and those who were revoked in this tick leave.
    Send,
    /// In [`Last`]: when the app exits, everybody is closed with 1001.
    Shutdown,
}
