//! Players whose session has ended: at once when they were cut, after their last messages when they left in order.

use std::collections::VecDeque;

use bevy_ecs::prelude::*;

use super::{
    components::Players,
    drain::announce,
    incoming::Incoming,
    link,
    roster::{Roster, dismiss, farewell},
};
use crate::{
    bridge::{Command, Departure},
    identity::{CloseReason, ConnectionId, DisconnectReason, UserId},
};

pub(super) fn take_departures(world: &mut World, incoming: &mut Incoming) {
    while let Ok(departure) = incoming.end.departures.try_recv() {
        let Departure {
            handle,
            close_reason,
            may_come_back,
        } = departure;
        if close_reason.reason == DisconnectReason::Draining {
            announce(world);
        }
        if may_come_back {
            link::lost(world, incoming, &handle, close_reason);
        } else if leaves_at_once(close_reason.reason) {
            dismiss(world, handle.id, close_reason);
        } else {
            incoming.ending.push_back((handle.id, close_reason));
        }
    }
}

/// A cut despawns now and drops what was unread; an ordinary end lets the game read it.
pub(super) fn leaves_at_once(reason: DisconnectReason) -> bool {
    use DisconnectReason::*;
    matches!(
        reason,
        Revoked | Banned | UserGone | Kicked | Replaced | Shutdown | Draining | Finished | Game(_)
    )
}

/// When a user's session has just ended and the user is back already, the game hears of the end first.
pub(super) fn tell_earlier_ends(world: &mut World, incoming: &mut Incoming, user: &UserId) {
    if world.resource::<Players>().of(user).is_empty() {
        return;
    }
    // An end is reported before anybody can find the session ended, so it is here by now.
    take_departures(world, incoming);
    let roster = world.resource::<Roster>();
    let ended_earlier = |(id, _): &(ConnectionId, CloseReason)| {
        roster
            .get(*id)
            .is_some_and(|entry| entry.inbound.handle.user_id() == user)
    };
    let (earlier, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut incoming.ending)
        .into_iter()
        .partition(ended_earlier);
    incoming.ending = others;
    for (id, close_reason) in earlier {
        tell(world, incoming, id, close_reason);
    }
}

pub(super) fn tell_endings(world: &mut World, incoming: &mut Incoming) {
    for _ in 0..incoming.ending.len() {
        let Some((id, close_reason)) = incoming.ending.pop_front() else {
            return;
        };
        let roster = world.resource::<Roster>();
        if roster
            .get(id)
            .is_some_and(|entry| !entry.inbound.is_empty())
        {
            incoming.ending.push_back((id, close_reason));
        } else {
            tell(world, incoming, id, close_reason);
        }
    }
}

/// Tells the game of an ordinary end. What the client sent before can still be read in this tick, and answered when
/// the client is still there to hear it.
fn tell(world: &mut World, incoming: &mut Incoming, id: ConnectionId, close_reason: CloseReason) {
    if let Some(entry) = world.resource::<Roster>().get(id) {
        incoming.departed.push(entry.entity);
        if farewell(world, id, close_reason.reason) {
            incoming.leaving.push(Command::Leave { id, close_reason });
        }
    }
}
