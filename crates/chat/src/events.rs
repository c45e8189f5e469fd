//! What a game can see of the chat, change, and say itself.

use bevy_bouncer::{User, UserId};
use bevy_ecs::prelude::*;
use bevy_reflect::Reflect;

use crate::model::users::MutedIn;

/// A player is about to say something in a room: it has passed all rules. Observe it to change the words,
/// or to stop them.
///
/// ```
/// use bevy_bouncer_chat::Speaking;
/// use bevy_ecs::prelude::*;
///
/// fn be_nice(mut speaking: On<Speaking>) {
///     if speaking.text().contains("darn") {
///         speaking.refuse();
///     }
/// }
/// ```
#[derive(Event, Debug, Reflect)]
#[reflect(Debug)]
pub struct Speaking {
    pub(crate) player: Entity,
    pub(crate) user: User,
    pub(crate) room: Entity,
    pub(crate) text: String,
    pub(crate) is_refused: bool,
}

impl Speaking {
    /// The player.
    pub fn player(&self) -> Entity {
        self.player
    }

    /// The player's user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The room's entity.
    pub fn room(&self) -> Entity {
        self.room
    }

    /// The words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the words. What cannot be shown is taken out, and what is longer than a message may be is cut; when there
    /// is nothing to see in them, nothing is said.
    pub fn replace(&mut self, text: impl Into<String>) {
        self.text = text.into();
    }

    /// Nothing is said; the client gets `refused`.
    pub fn refuse(&mut self) {
        self.is_refused = true;
    }
}

/// Something was said in a room, by a player on this node or by the game.
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct Spoken {
    /// The room's entity.
    pub room: Entity,
    /// The message's number in the room.
    pub seq: u64,
    /// Who said it; `None` for an [`Announcement`].
    pub user: Option<User>,
    /// The words.
    pub text: String,
}

/// Makes the game itself, or one of its characters, say something in a room. In a room that nobody can join it is an
/// error in the log.
///
/// ```
/// use bevy_bouncer_chat::{Announcement, Room};
/// use bevy_ecs::prelude::*;
///
/// fn dawn(rooms: Query<Entity, With<Room>>, mut announcements: MessageWriter<Announcement>) {
///     for room in &rooms {
///         announcements.write(Announcement { room, name: Some("Rooster".into()), text: "cock-a-doodle-doo".into() });
///     }
/// }
/// ```
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct Announcement {
    /// The room's entity.
    pub room: Entity,
    /// The name of the character; `None` for the game.
    pub name: Option<String>,
    /// The words, of any length. What cannot be shown is taken out, here as in the name; when there is nothing to see
    /// in one of them, it is an error in the log.
    pub text: String,
}

/// A moderator did something. It is also an audit line of the log.
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct Moderated {
    /// The moderator.
    pub by: UserId,
    /// What was done.
    pub action: Moderation,
    /// The moderator's reason.
    pub reason: Option<String>,
}

/// What moderators do.
#[derive(Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Moderation {
    /// A user may not speak for so many seconds.
    Mute(UserId, MutedIn, u64),
    /// A user may speak again.
    Unmute(UserId, MutedIn),
    /// A user's players are sent away.
    Kick(UserId),
    /// A user may not come in again, until then (unix seconds) or at all.
    Ban(UserId, Option<u64>),
    /// A user's tokens do not count any more.
    Revoke(UserId),
    /// A user may come in again.
    Restore(UserId),
    /// The slow mode of a room in seconds; 0 is none.
    SlowMode(Entity, u64),
    /// A room is frozen, or not any more.
    Freeze(Entity, bool),
    /// A message of a room is deleted.
    Delete(Entity, u64),
}
