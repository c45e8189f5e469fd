//! Commands that the game has answered: nothing is said, and the player alone hears the answer.

use std::sync::Arc;

use bevy_bouncer::text::clean;
use bevy_bouncer_protocol::{ServerMessage, Tone};
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Asker},
        change::Origin,
    },
    publish::{ChatEvent, HandledCommand},
};

/// The game has answered what a player wrote in a room.
pub(crate) fn conclude(
    context: &mut ChatContext,
    asker: &Asker,
    room: Arc<str>,
    answer: &str,
) -> Answer {
    let answer = clean(answer).into_owned();
    tell(context, asker.player, Some(room.clone()), &answer);
    let command = HandledCommand {
        user: asker.user.id().clone(),
        room,
        client_id: asker.id.clone(),
        answer,
    };
    let ack = command.ack();
    context.apply(ChatEvent::Handled(command), Origin::ThisNode)?;
    Ok(ack.into())
}

/// Tells a player what the game answered.
pub(crate) fn tell(
    context: &mut ChatContext,
    player: Entity,
    room: Option<Arc<str>>,
    answer: &str,
) {
    if !answer.is_empty() {
        let notice = ServerMessage::Notice {
            room,
            text: answer.to_owned(),
            tone: Tone::Info,
        };
        context.tell_player(player, &notice);
    }
}
