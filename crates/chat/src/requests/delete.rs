//! Taking back what was said: by the author, or by a moderator.

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::entity::Entity;

use crate::{
    context::{Answer, Asker, ChatContext, apply::Origin},
    events::Moderation,
    model::{history::RoomHistory, role::MODERATOR},
    protocol::Denied,
    publish::ChatEvent,
    rank_check::{Target, check_moderator, if_above},
};

/// `chat.delete`: for the author, and for moderators above the author.
pub(crate) fn delete(context: &mut ChatContext, asker: &Asker, room: &str, mid: &str) -> Answer {
    let said = find(context, asker, room, mid)?;
    let (room, mid) = (room.to_owned(), mid.to_owned());
    match said.author {
        Some(author) if author != *asker.user.id() => {
            let author = Target::author(author, said.rank_then);
            if_above(context, asker, author, move |context, asker| {
                // It may be in no room for the asker by now.
                let said = find(context, asker, &room, &mid)?;
                delete_and_report(context, asker, said, room, mid)
            })
        }
        Some(_) => {
            context.apply(ChatEvent::Deleted { room, mid }, Origin::ThisNode)?;
            Ok(Ack::default().into())
        }
        None => {
            check_moderator(asker)?;
            delete_and_report(context, asker, said, room, mid)
        }
    }
}

/// A message that somebody wants to be deleted.
struct Said {
    room: Entity,
    seq: u64,
    /// `None` when the game has said it.
    author: Option<UserId>,
    rank_then: u8,
}

fn find(context: &ChatContext, asker: &Asker, room: &str, mid: &str) -> Result<Said, Denied> {
    let (room, _) = if asker.rank >= MODERATOR {
        context.room_for(&asker.user, room)?
    } else {
        context.own_room(asker.player, room)?
    };
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
    asker: &Asker,
    said: Said,
    room: String,
    mid: String,
) -> Answer {
    let event = ChatEvent::Deleted { room, mid };
    // It may have been deleted before.
    if context.apply(event, Origin::ThisNode)?.is_some() {
        let action = Moderation::Delete(said.room, said.seq);
        context.report(asker, action, None);
    }
    Ok(Ack::default().into())
}
