//! Who asks, who moderates, and where the answer goes.

use bevy_bouncer::{User, UserId};
use bevy_bouncer_protocol::Ack;
use bevy_ecs::prelude::*;

use crate::{
    events::moderation::Moderation,
    model::role::{ADMIN, rank_of},
    protocol::Denied,
};

/// A player who asks.
#[derive(Clone)]
pub(crate) struct Asker {
    pub player: Entity,
    pub user: User,
    pub rank: u8,
    /// What the answer refers to.
    pub id: Option<String>,
}

impl Asker {
    pub fn new(player: Entity, user: User, id: Option<String>) -> Self {
        let rank = rank_of(&user);
        Self {
            player,
            user,
            rank,
            id,
        }
    }
}

/// Who moderates.
#[derive(Clone)]
pub(crate) struct Moderator {
    pub by: By,
    pub answer_to: AnswerTo,
}

/// In whose name it is done.
#[derive(Clone)]
pub(crate) enum By {
    /// A user, and a player of theirs if they are here.
    User(User, Option<Entity>),
    /// Nobody's: it is above everybody, and what it decides, admins may end.
    House,
}

/// Who hears what came of it.
#[derive(Clone)]
pub(crate) enum AnswerTo {
    /// The player who asked, with the request's id.
    Client(Entity, Option<String>),
    /// The game, which asked for this.
    Game(Box<GameRequest>),
}

/// What the game asked for.
#[derive(Clone)]
pub(crate) struct GameRequest {
    pub by: Option<UserId>,
    pub action: Moderation,
    pub reason: Option<String>,
}

impl From<&Asker> for Moderator {
    fn from(asker: &Asker) -> Self {
        Self {
            by: By::User(asker.user.clone(), Some(asker.player)),
            answer_to: AnswerTo::Client(asker.player, asker.id.clone()),
        }
    }
}

impl Moderator {
    /// The rank that decisions carry.
    pub fn rank(&self) -> u8 {
        match &self.by {
            By::User(user, _) => rank_of(user),
            By::House => ADMIN,
        }
    }

    /// `None` is the house.
    pub fn user(&self) -> Option<&UserId> {
        match &self.by {
            By::User(user, _) => Some(user.id()),
            By::House => None,
        }
    }

    /// Whether it may touch somebody of this rank: nobody touches a peer or a superior.
    pub fn is_above(&self, rank: u8) -> bool {
        match &self.by {
            By::User(user, _) => rank_of(user) > rank,
            By::House => true,
        }
    }
}

/// When a request that was done is answered.
pub(crate) enum Reply {
    /// Now, with this.
    Now(Box<Ack>),
    /// The answer comes in a later tick, or it has been given.
    Deferred,
}

/// What a request comes to.
pub(crate) type Answer = Result<Reply, Denied>;

impl From<Ack> for Reply {
    fn from(ack: Ack) -> Self {
        Self::Now(Box::new(ack))
    }
}
