//! What moderators do.

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;
use bevy_reflect::Reflect;

use crate::model::mutes::MutedIn;

/// A moderator did something, or the game did, with [`Moderate`](crate::Moderate). It is also an audit line of the log.
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct Moderated {
    /// The moderator; `None` for the house.
    pub by: Option<UserId>,
    /// The player who asked for it; `None` when the game did.
    pub player: Option<Entity>,
    /// What was done.
    pub action: Moderation,
    /// The moderator's reason.
    pub reason: Option<String>,
}

/// What came of a [`Moderate`](crate::Moderate): exactly one for each, when a client would have been answered.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
pub struct ModerationResult {
    /// As the game asked for it.
    pub by: Option<UserId>,
    /// As the game asked for it.
    pub action: Moderation,
    /// As the game asked for it.
    pub reason: Option<String>,
    /// Why it was not done. [`ErrorCode::NotStored`] means that it was, and could not be stored yet.
    pub result: Result<(), ErrorCode>,
}

/// What moderators do.
#[derive(Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Moderation {
    /// A user may not speak for so many seconds, at most [`ChatOptions::longest_mute`](crate::ChatOptions::longest_mute).
    Mute(UserId, MutedIn, u64),
    /// A user may speak again.
    Unmute(UserId, MutedIn),
    /// A user's players are sent away.
    Kick(UserId),
    /// A user may not come in again, until then (unix seconds) or at all.
    Ban(UserId, Option<u64>),
    /// A user is logged out everywhere: the sessions end, and tokens that were issued until now do not count any more.
    LogOut(UserId),
    /// A user's tokens do not count any more, those that are issued later neither.
    Revoke(UserId),
    /// A user may come in again.
    Restore(UserId),
    /// The slow mode of a room in seconds, at most a day; 0 is none.
    SlowMode(Entity, u64),
    /// A room is frozen, or not any more.
    Freeze(Entity, bool),
    /// The message of a room with this number is deleted.
    Delete(Entity, u64),
}
