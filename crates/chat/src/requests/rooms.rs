//! Coming into rooms, leaving them, and reading what was said.

use bevy_bouncer_protocol::{Ack, ErrorCode, ListedRoom, ServerMessage};

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Asker},
    },
    entry,
    model::{
        history::{Page, RoomHistory},
        members::{AskedBy, RoomMembers},
        room::Room,
        room_lists::RoomLists,
    },
    protocol::speaker,
};

/// Rooms of one list, so that it fits any queue.
const ROOMS_LISTED: usize = 500;

/// `room.list`
pub(crate) fn list(context: &mut ChatContext, asker: &Asker) -> Answer {
    let lists = context.world.resource::<RoomLists>();
    let candidates = lists.candidates(&asker.user, ROOMS_LISTED + 1);
    let mut rooms = candidates.into_iter().filter_map(|(name, room)| {
        let (world, player) = (&*context.world, Some(asker.player));
        let members = world.get::<RoomMembers>(room)?;
        let is_for_asker = world.get::<Room>(room)?.admits(world, &asker.user, player);
        is_for_asker.then(|| ListedRoom {
            room: name,
            members: members.len(),
        })
    });
    Ok(Ack {
        rooms: Some(rooms.by_ref().take(ROOMS_LISTED).collect()),
        more: Some(rooms.next().is_some() || lists.looks_at_a_part()),
        ..Default::default()
    }
    .into())
}

/// `room.join`
pub(crate) fn join(context: &mut ChatContext, asker: &Asker, name: &str) -> Answer {
    // With it come messages that may be deleted.
    context.check_knows_decisions()?;
    let room = entry::come_in(context, asker.player, name, AskedBy::Client)?;
    let found = entry::found_by(context, asker.player, room)?;
    entry::tell_stored(context, asker.player, name);
    Ok(Ack::from(found).into())
}

fn add_page(ack: &mut Ack, page: Page) {
    ack.messages = Some(page.messages);
    ack.more = Some(page.more);
}

/// `room.leave`
pub(crate) fn leave(context: &mut ChatContext, asker: &Asker, name: &str) -> Answer {
    let (room, _) = context.own_room(asker.player, name)?;
    context.leave(asker.player, room);
    Ok(Ack::default().into())
}

/// `chat.history`
pub(crate) fn history(
    context: &mut ChatContext,
    asker: &Asker,
    name: &str,
    after: Option<u64>,
    before: Option<u64>,
) -> Answer {
    let (entity, room) = context.own_room(asker.player, name)?;
    if !room.access.may_read(&asker.user) {
        return Err(ErrorCode::Forbidden.into());
    }
    let mut ack = Ack {
        room: Some(room.shared_name()),
        ..Default::default()
    };
    if let Some(history) = context.world.get::<RoomHistory>(entity) {
        ack.epoch = Some(history.epoch.clone());
        let page = history.page(after, before, context.options.history_page);
        add_page(&mut ack, page);
    }
    Ok(ack.into())
}

/// `chat.typing`
pub(crate) fn typing(context: &mut ChatContext, asker: &Asker, name: &str) -> Answer {
    let (entity, room) = context.own_room(asker.player, name)?;
    let place = Some((entity, room.name()));
    let may_speak = context
        .check_can_speak(&asker.user, asker.rank, place)
        .is_ok()
        && room.access.may_send(&asker.user);
    let (now, most) = (context.now, context.options.rooms_per_player);
    let mut record = context.record_of(&asker.user)?;
    if may_speak && record.speaking.may_type(entity, now, most) {
        let typing = ServerMessage::Typing {
            room: room.shared_name(),
            from: speaker(&asker.user),
        };
        context.tell_room(entity, &typing);
    }
    Ok(Ack::default().into())
}
