//! What is said in rooms.

use bevy_bouncer::User;
use bevy_ecs::prelude::*;
use bevy_reflect::Reflect;

/// A player is about to say something in a room: it has passed all rules. Observe it to change the words,
/// to stop them, or to answer them as a command.
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
///
/// fn tell_time(mut speaking: On<Speaking>) {
///     if speaking.text() == "/time" {
///         speaking.handled("It is a quarter past noon.");
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
    pub(crate) answer: Option<String>,
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

    /// It was a command, and the game has done it: nothing is said, and nobody but the player hears this answer, as a
    /// notice. What cannot be shown in it is taken out, and an empty answer is none.
    ///
    /// A client that sends the same request again gets the same answer, and the command is not done again. The answer is
    /// remembered for as long as the request's id. The first answer counts, and a refusal counts more.
    pub fn handled(&mut self, answer: impl Into<String>) {
        self.answer.get_or_insert_with(|| answer.into());
    }

    /// Whether an observer has answered already.
    pub fn is_handled(&self) -> bool {
        self.answer.is_some()
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
    /// The player who said it; `None` for an [`Announcement`].
    pub player: Option<Entity>,
    /// Who that is.
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
