//! Coming into rooms, whoever asked.

use bevy_bouncer::{User, text::clean};
use bevy_bouncer_protocol::{ErrorCode, JoinedRoom, ServerMessage, Tone};
use bevy_ecs::prelude::*;

use crate::{
    context::ChatContext,
    events::entering::Entering,
    model::{
        history::RoomHistory,
        members::{AskedBy, EnteredRoom, InRooms, RoomMembers},
        room::{Room, RoomRules},
        users::Users,
    },
    protocol::Denied,
};

/// Lets a player into the room of this name, unless it is in: by the room's access, the limits, and the game's observers.
pub(crate) fn come_in(
    context: &mut ChatContext,
    player: Entity,
    name: &str,
    asked_by: AskedBy,
) -> Result<Entity, Denied> {
    let (room, user) = check(context, player, name)?;
    if context.is_member(player, room) {
        return Ok(room);
    }
    check_limits(context, player, room)?;
    let mut entering = Entering {
        player,
        user,
        room,
        asked_by,
        refusal: None,
    };
    context.world.trigger_ref(&mut entering);
    context.world.flush();
    if let Some((code, words)) = entering.refusal {
        let words = words.map(|words| clean(&words).into_owned());
        if let Some(text) = words.filter(|text| !text.is_empty()) {
            let notice = ServerMessage::Notice {
                room: Some(name.into()),
                text,
                tone: Tone::Warning,
            };
            context.tell_player(player, &notice);
        }
        return Err(code.into());
    }
    // The observers may have changed everything.
    let (room, user) = check(context, player, name)?;
    if !context.is_member(player, room) {
        check_limits(context, player, room)?;
        let entered = EnteredRoom {
            room,
            name: name.into(),
            asked_by,
        };
        context.enter(player, &user, entered);
    }
    Ok(room)
}

/// The room that is for the player, and who that is.
fn check(context: &ChatContext, player: Entity, name: &str) -> Result<(Entity, User), ErrorCode> {
    let user = context.world.get::<User>(player).cloned();
    let user = user.ok_or(ErrorCode::UnknownUser)?;
    let (room, _) = context.room_for(&user, Some(player), name)?;
    Ok((room, user))
}

fn check_limits(context: &ChatContext, player: Entity, room: Entity) -> Result<(), ErrorCode> {
    let own = context.world.get::<InRooms>(player);
    let own = own.map_or(0, |rooms| rooms.0.len());
    let members = context.world.get::<RoomMembers>(room);
    let members = members.map_or(0, RoomMembers::players);
    if own >= context.options.rooms_per_player || members >= context.options.members_per_room {
        return Err(ErrorCode::Full);
    }
    Ok(())
}

/// The room as a player finds it who comes in.
pub(crate) fn found_by(
    context: &ChatContext,
    player: Entity,
    entity: Entity,
) -> Result<JoinedRoom, ErrorCode> {
    let world = &*context.world;
    let user = world.get::<User>(player).ok_or(ErrorCode::UnknownUser)?;
    let found = world.get_entity(entity).ok().and_then(|it| {
        it.get_components::<(&Room, &RoomRules, &RoomMembers, &RoomHistory)>()
            .ok()
    });
    let (room, rules, members, history) = found.ok_or(ErrorCode::UnknownRoom)?;
    let may_read = room.access.may_read(user);
    let page = may_read.then(|| history.page(None, None, context.options.history_page));
    let (messages, more) = page.map(|page| (page.messages, page.more)).unzip();
    Ok(JoinedRoom {
        room: room.shared_name(),
        epoch: history.epoch.clone(),
        seq: history.last_seq(),
        rules: rules.shown(),
        count: members.len(),
        members: members.shown(),
        messages,
        more,
    })
}

/// Tells a player how the room is into which the game has put it.
pub(crate) fn tell_joined(context: &mut ChatContext, player: Entity, room: Entity) {
    if let Ok(found) = found_by(context, player, room) {
        let name = found.room.clone();
        context.tell_player(player, &ServerMessage::Joined(Box::new(found)));
        tell_stored(context, player, &name);
    }
}

/// Tells a player what the user said in a room is stored: it may have been told to another connection.
pub(crate) fn tell_stored(context: &mut ChatContext, player: Entity, room: &str) {
    let user = context.world.get::<User>(player);
    let users = context.world.resource::<Users>();
    let record = user.and_then(|user| users.get(user.id()));
    if let Some(seq) = record.and_then(|record| record.answers_given.stored_up_to(room)) {
        let stored = ServerMessage::Stored {
            room: room.into(),
            seq,
        };
        context.tell_player(player, &stored);
    }
}
