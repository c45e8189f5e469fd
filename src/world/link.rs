//! A player whose connection is lost stays for a while, and goes on with another one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;

use super::{
    components::Connection,
    events::{LinkLost, LinkRestored},
    first_message, follow,
    inbox::{self, ReadBudget},
    incoming::Incoming,
    roster::{RegistryRef, Roster},
    tick_output::TickOutput,
};
use crate::{
    bridge::{Arrival, Command},
    config::DuplicateLogin,
    connection::{Fence, Handle},
    identity::{Admission, CloseReason, DisconnectReason, OwnedComponents, UserId},
    util::unix_now,
};

/// The connection is lost. The player stays until the window closes, or its token ends.
pub(super) fn lost(
    world: &mut World,
    incoming: &mut Incoming,
    handle: &Arc<Handle>,
    close_reason: CloseReason,
) {
    let limits = &incoming.limits;
    let token_left = handle.token().expires_at.map(|at| {
        let left = at.saturating_add(limits.expiry_grace.as_secs());
        Duration::from_secs(left.saturating_sub(unix_now()))
    });
    let window = token_left.map_or(limits.resume_window, |left| left.min(limits.resume_window));
    let until = Instant::now() + window;
    let mut roster = world.resource_mut::<Roster>();
    let Some(entry) = roster.get_mut(handle.id).filter(|entry| !entry.leaving) else {
        return;
    };
    entry.absent_until = Some(until);
    let entity = entry.entity;
    incoming.absent.insert((until, handle.id));
    let reason = close_reason.reason;
    // The network forgets the connection; it is not there to hear the Close.
    let leave = Command::Leave {
        id: handle.id,
        close_reason,
    };
    world.resource_mut::<TickOutput>().push(leave);
    tracing::debug!(user = %handle.user_id(), connection = %handle.id, %reason, "a link is lost");
    world.trigger(LinkLost {
        entity,
        reason,
        until,
    });
}

/// Ends the sessions of those who did not come back in time. Their departures follow.
pub(super) fn give_up(world: &mut World, incoming: &mut Incoming) {
    let registry = world.resource::<RegistryRef>().0.clone();
    let now = Instant::now();
    while let Some((until, id)) = incoming.absent.first().copied()
        && until <= now
    {
        incoming.absent.pop_first();
        if let Some(entry) = world.resource::<Roster>().get(id) {
            let close_reason = DisconnectReason::ConnectionLost.into();
            registry.leave(&entry.inbound.handle, close_reason, Fence::Now);
        }
    }
}

/// What there was to read that came through the connection of the player as whom a user would go on.
pub(super) enum Rest {
    None,
    /// The game gets it now, and has read it before the player goes on in the next tick.
    Read,
    /// The game has enough to read in this tick.
    TooMuch,
}

/// Has the game read the rest of what came through the connection of the player as whom this user would go on.
pub(super) fn read_rest(
    world: &mut World,
    incoming: &Incoming,
    user: &UserId,
    budget: &mut ReadBudget,
) -> Rest {
    let registry = world.resource::<RegistryRef>().0.clone();
    let mut before = registry.would_resume(user);
    if before.is_none() && incoming.limits.duplicate_login == DuplicateLogin::TakeOver {
        before = registry.would_replace(user).into_iter().next();
    }
    let entry = before.and_then(|before| world.resource::<Roster>().get(before.id));
    let Some(entry) = entry.filter(|entry| !entry.inbound.is_empty()) else {
        return Rest::None;
    };
    if budget.is_spent() {
        return Rest::TooMuch;
    }
    let (entity, id) = (entry.entity, entry.inbound.handle.id);
    let said = entry.inbound.take(usize::MAX, usize::MAX);
    budget.spend(&said);
    inbox::write(world, entity, id, said);
    Rest::Read
}

/// Takes the player off a connection. What has come through it since the game last read is dropped: the game would
/// read it only after it was told of the new one. Also tells what the player has of the directory. `None` when
/// the game has let the player go meanwhile.
pub(super) fn take_over(
    world: &mut World,
    incoming: &mut Incoming,
    before: &Arc<Handle>,
) -> Option<(Entity, OwnedComponents)> {
    let mut roster = world.resource_mut::<Roster>();
    roster.get(before.id).filter(|entry| !entry.leaving)?;
    let entry = roster.remove(before.id)?;
    let (entity, owned) = (entry.entity, entry.owned);
    match entry.absent_until {
        Some(until) => _ = incoming.absent.remove(&(until, before.id)),
        None => {
            // Still connected: the old connection is told, in order.
            let close_reason = CloseReason::from(DisconnectReason::Replaced);
            let registry = world.resource::<RegistryRef>().0.clone();
            registry.end(before, close_reason.clone());
            let leave = Command::Leave {
                id: before.id,
                close_reason,
            };
            world.resource_mut::<TickOutput>().push(leave);
        }
    }
    entry.inbound.close();
    Some((entity, owned))
}

/// Gives the player its new connection, and what the directory says now. What was for the spawn only is the game's.
pub(super) fn restore(
    world: &mut World,
    arrival: Arrival,
    entity: Entity,
    owned_before: &OwnedComponents,
) {
    let Arrival {
        handle,
        admission,
        subprotocol,
        since,
        inbound,
        outbound,
        answer,
    } = arrival;
    let Admission { user, owned, .. } = admission;
    let mut roster = world.resource_mut::<Roster>();
    roster.insert(entity, inbound, owned.clone());
    let connection = Connection::new(handle.id, handle.peer, since, subprotocol);
    first_message::join(world, &handle, &connection, &user, outbound);
    if let Ok(mut player) = world.get_entity_mut(entity) {
        player.insert(connection);
    }
    follow::give(world, entity, user, &owned, owned_before);
    tracing::debug!(user = %handle.user_id(), connection = %handle.id, "a link is restored");
    world.trigger(LinkRestored { entity });
    // The handshake may have been dropped: then its departure follows.
    let _ = answer.send(Ok(()));
}
