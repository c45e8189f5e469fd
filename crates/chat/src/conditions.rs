//! Rooms that are for players of whom something is true: those of whom it is not any more leave.

use bevy_bouncer_protocol::ServerMessage;
use bevy_ecs::prelude::*;

use crate::{
    context::ChatContext,
    model::{
        members::RoomMembers,
        room::{Room, RoomIndex},
    },
};

/// Whether there are such rooms.
pub(crate) fn has_conditional_rooms(index: Res<RoomIndex>) -> bool {
    !index.conditional.is_empty()
}

/// Asks about every member of these rooms.
pub(crate) fn check(world: &mut World) {
    let rooms = world.resource::<RoomIndex>().conditional.iter();
    let leaving: Vec<_> = rooms
        .flat_map(|room| who_may_not_stay(world, *room))
        .collect();
    if leaving.is_empty() {
        return;
    }
    let mut context = ChatContext::new(world);
    for (player, room) in leaving {
        send_out(&mut context, player, room);
    }
    context.finish();
}

fn who_may_not_stay(world: &World, entity: Entity) -> Vec<(Entity, Entity)> {
    let room = world
        .get::<Room>(entity)
        .zip(world.get::<RoomMembers>(entity));
    let Some((room, members)) = room else {
        return Vec::new();
    };
    let players = members.iter().map(|(player, _)| player);
    let out = players.filter(|player| !room.holds_for(world, *player));
    out.map(|player| (player, entity)).collect()
}

/// A player is not in a room any more, and has not asked for it.
pub(crate) fn send_out(context: &mut ChatContext, player: Entity, room: Entity) {
    let name = context.world.get::<Room>(room).map(Room::shared_name);
    context.leave(player, room);
    if let Some(room) = name {
        context.tell_player(player, &ServerMessage::Closed { room });
    }
}
