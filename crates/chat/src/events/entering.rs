//! Who comes into rooms.

use bevy_bouncer::User;
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;
use bevy_reflect::Reflect;

use crate::model::members::AskedBy;

/// A player is about to come into a room, and has passed its [`RoomAccess`](crate::RoomAccess) and all limits. Observers
/// may refuse, whoever asked: the player's client, or the game with [`Enter`](crate::Enter).
///
/// ```
/// use bevy_bouncer_chat::{Entering, ErrorCode};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Spectator;
///
/// fn players_only(mut entering: On<Entering>, spectators: Query<(), With<Spectator>>) {
///     if spectators.contains(entering.player()) {
///         entering.refuse_with(ErrorCode::Forbidden, Some("Take a seat first."));
///     }
/// }
/// ```
#[derive(Event, Debug, Reflect)]
#[reflect(Debug, from_reflect = false)]
pub struct Entering {
    pub(crate) player: Entity,
    pub(crate) user: User,
    pub(crate) room: Entity,
    pub(crate) asked_by: AskedBy,
    #[reflect(ignore)]
    pub(crate) refusal: Option<(ErrorCode, Option<String>)>,
}

impl Entering {
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

    /// Who asked for it.
    pub fn asked_by(&self) -> AskedBy {
        self.asked_by
    }

    /// Keeps the player out of the room; the client gets `refused`. The first refusal counts.
    pub fn refuse(&mut self) {
        self.refuse_with(ErrorCode::Refused, None);
    }

    /// The same with another code, for instance [`ErrorCode::Full`], or [`ErrorCode::UnknownRoom`] for a room that the
    /// player should not know of. The words are for the player, who gets them before the error, as a warning; what cannot
    /// be shown is taken out.
    pub fn refuse_with(&mut self, code: ErrorCode, words: Option<&str>) {
        let refusal = || (code, words.map(str::to_owned));
        self.refusal.get_or_insert_with(refusal);
    }

    /// Whether an observer has refused already.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }
}

/// The game wanted to put a player into a room with [`Enter`](crate::Enter), and it did not happen. The log has it too.
#[derive(EntityEvent, Debug, Clone, PartialEq, Eq)]
pub struct EnterRefused {
    /// The player.
    pub entity: Entity,
    /// The room's entity.
    pub room: Entity,
    /// What a client would have been answered, which is told nothing.
    pub code: ErrorCode,
}
