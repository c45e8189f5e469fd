//! Saying something in a room.

use bevy_bouncer::User;
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::prelude::*;

use crate::{
    context::{ChatContext, change::Origin},
    events::speaking::Spoken,
    model::{history::StoredMessage, ids::IdGenerator, role::rank_of},
    protocol::Denied,
    publish::ChatEvent,
};

/// Who says something in a room.
pub(crate) enum Author<'a> {
    /// A player, with the request's id.
    Player(Entity, &'a User, Option<&'a str>),
    /// A character of the game.
    Character(String),
    Game,
}

impl ChatContext<'_> {
    /// Says something in a room, whatever its rules are.
    ///
    /// # Errors
    /// When nobody can be in the room.
    pub fn say(&mut self, room: Entity, author: Author, text: String) -> Result<Ack, Denied> {
        let name = self.name_of_room(room).ok_or(ErrorCode::NotInRoom)?;
        let (author, name_of_author, client_id) = match author {
            Author::Player(player, user, id) => {
                (Some((player, user)), Some(user.name().into()), id)
            }
            Author::Character(name) => (None, Some(name.into()), None),
            Author::Game => (None, None, None),
        };
        let user = author.map(|(_, user)| user);
        let message = StoredMessage {
            room: name,
            seq: 0,
            mid: self.world.resource_mut::<IdGenerator>().next(),
            at: self.unix_now,
            user: user.map(|user| user.id().clone()),
            name: name_of_author,
            rank: user.map_or(0, rank_of),
            text: Some(text.clone()),
            client_id: client_id.map(str::to_owned),
        };
        let ack = self.apply(ChatEvent::Said(message), Origin::ThisNode)?;
        let ack = ack.ok_or(ErrorCode::NotInRoom)?;
        self.world.write_message(Spoken {
            room,
            seq: ack.seq.unwrap_or_default(),
            player: author.map(|(player, _)| player),
            user: user.cloned(),
            text,
        });
        Ok(ack)
    }
}
