//! The game tells one reader something.

use bevy_bouncer::{User, UserId, text::clean};
use bevy_bouncer_protocol::Tone;
use bevy_ecs::prelude::*;

use crate::{
    context::{ChatContext, change::Origin},
    publish::{ChatEvent, UserNotice},
};

/// Whom a [`Notice`] is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// This player's user.
    Player(Entity),
    /// This user.
    User(UserId),
}

impl From<Entity> for Reader {
    fn from(player: Entity) -> Self {
        Self::Player(player)
    }
}

impl From<UserId> for Reader {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

/// Words of the house for one user alone, in all their sessions, on all nodes. Nobody keeps them: whoever is not
/// connected does not get them, and what travels between nodes may be lost.
///
/// ```
/// use bevy_bouncer_chat::Notice;
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Fuel(f32);
///
/// fn warn(pilots: Query<(Entity, &Fuel), Changed<Fuel>>, mut commands: Commands) {
///     for (pilot, fuel) in &pilots {
///         if fuel.0 < 0.1 {
///             commands.queue(Notice::new(pilot, "Your tank is nearly empty.").warning());
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Who reads it.
    pub to: Reader,
    /// The room that it is about. One that cannot be joined is none.
    pub room: Option<Entity>,
    /// The words, of any length. What cannot be shown is taken out; when nothing is left, nobody is told anything.
    pub text: String,
    /// How they are meant.
    pub tone: Tone,
}

impl Notice {
    /// Information about no room.
    pub fn new(to: impl Into<Reader>, text: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            room: None,
            text: text.into(),
            tone: Tone::Info,
        }
    }

    /// Something to be warned of.
    pub fn warning(mut self) -> Self {
        self.tone = Tone::Warning;
        self
    }

    /// About this room.
    pub fn in_room(mut self, room: Entity) -> Self {
        self.room = Some(room);
        self
    }
}

impl Command for Notice {
    type Out = ();

    fn apply(self, world: &mut World) {
        let mut context = ChatContext::new(world);
        let user = match self.to {
            Reader::Player(player) => context
                .world
                .get::<User>(player)
                .map(|user| user.id().clone()),
            Reader::User(user) => Some(user),
        };
        let Some(user) = user else {
            tracing::debug!("a notice has no effect: the entity is no player");
            return;
        };
        let text = clean(&self.text).into_owned();
        if text.is_empty() {
            tracing::error!(%user, "a notice has no effect: there is nothing to see in it");
            return;
        }
        let notice = UserNotice {
            user,
            room: self.room.and_then(|room| context.name_of_room(room)),
            text,
            tone: self.tone,
        };
        // It needs no place.
        let _ = context.apply(ChatEvent::Noticed(notice), Origin::ThisNode);
        context.finish();
    }
}
