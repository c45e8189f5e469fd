//! Taking back what was said: by the author, or by a moderator.

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::entity::Entity;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Asker, Moderator},
        change::Origin,
    },
    decisions::if_above,
    events::moderation::Moderation,
    model::{history::RoomHistory, role::MODERATOR},
    protocol::Denied,
    publish::ChatEvent,
    rank_check::{Target, check_moderator},
};

/// `chat.delete`: for the author, and for moderators above the author.
pub(crate) fn delete(context: &mut ChatContext, asker: &Asker, room: &str, mid: &str) -> Answer {
    let moderator = Moderator::from(asker);
    if asker.rank < MODERATOR {
        context.own_room(asker.player, room)?;
    }
    let said = find(context, &moderator, room, mid)?;
    if said.author.as_ref() == Some(asker.user.id()) {
        let (room, mid) = (room.to_owned(), mid.to_owned());
        context.apply(ChatEvent::Deleted { room, mid }, Origin::ThisNode)?;
        return Ok(Ack::default().into());
    }
    delete_said(context, &moderator, room, mid, None)
}

/// A moderator deletes what somebody else said.
pub(crate) fn delete_said(
    context: &mut ChatContext,
    moderator: &Moderator,
    room: &str,
    mid: &str,
    reason: Option<String>,
) -> Answer {
    check_moderator(moderator)?;
    let said = find(context, moderator, room, mid)?;
    let (room, mid) = (room.to_owned(), mid.to_owned());
    let Some(author) = said.author.clone() else {
        return delete_and_report(context, moderator, &said, room, mid, reason);
    };
    let author = Target::author(author, said.rank_then);
    if_above(context, moderator, author, move |context, moderator| {
        // It may be in no room for the moderator by now.
        let said = find(context, moderator, &room, &mid)?;
        delete_and_report(context, moderator, &said, room, mid, reason)
    })
}

/// A message that somebody wants to be deleted.
struct Said {
    room: Entity,
    seq: u64,
    /// `None` when the game has said it.
    author: Option<UserId>,
    rank_then: u8,
}

fn find(
    context: &ChatContext,
    moderator: &Moderator,
    room: &str,
    mid: &str,
) -> Result<Said, Denied> {
    let room = context.room_to_moderate(moderator, room)?;
    let history = context.world.get::<RoomHistory>(room);
    let said = history.and_then(|history| history.find(mid));
    let said = said.ok_or(ErrorCode::UnknownMessage)?;
    Ok(Said {
        room,
        seq: said.seq,
        author: said.user.clone(),
        rank_then: said.rank,
    })
}

fn delete_and_report(
    context: &mut ChatContext,
    moderator: &Moderator,
    said: &Said,
    room: String,
    mid: String,
    reason: Option<String>,
) -> Answer {
    let event = ChatEvent::Deleted { room, mid };
    // It may have been deleted before.
    if context.apply(event, Origin::ThisNode)?.is_some() {
        let action = Moderation::Delete(said.room, said.seq);
        context.report(moderator, action, reason);
    }
    Ok(Ack::default().into())
}
