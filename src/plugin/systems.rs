//! When this crate's systems run.

#[cfg(doc)]
use bevy_app::{AppExit, Last, PostUpdate, PreUpdate};
use bevy_ecs::{prelude::*, schedule::ScheduleLabel};

/// When this crate's systems run.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BouncerSystems {
    /// In [`PreUpdate`]: who left, who joined, and what they said.
    Receive,
    /// In [`PostUpdate`]: the tick's output goes out, and those who were revoked in this tick leave.
    Send,
    /// In [`AfterLast`]: when the app exits, everybody is closed with 1001.
    Shutdown,
}

/// The schedule that comes after [`Last`], when all that the app does in an update is done: an
/// [`AppExit`] that any system before wrote, in whatever schedule, is seen here in the same update.
#[derive(ScheduleLabel, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AfterLast;
