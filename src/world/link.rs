//! A player whose connection is lost stays for a while, and goes on with another one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_ecs::{message::Messages, name::Name, prelude::*};

use super::{
    components::{Connection, insert_all},
    events::{ClientFrame, LinkLost, LinkRestored},
    first_message,
    incoming::Incoming,
    roster::{RegistryRef, Roster},
    tick_output::TickOutput,
};
use crate::{
    bridge::{Arrival, Command},
    connection::{Fence, Handle},
    identity::{CloseReason, DisconnectReason, User},
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
    tracing::debug!(user = %handle.user.id(), connection = %handle.id, %reason, "a link is lost");
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

/// Takes the player off a connection. Everything that came through it is read before what comes through
/// the next one. `None` when the game has let the player go meanwhile.
pub(super) fn take_over(
    world: &mut World,
    incoming: &mut Incoming,
    before: &Arc<Handle>,
) -> Option<Entity> {
    let mut roster = world.resource_mut::<Roster>();
    roster.get(before.id).filter(|entry| !entry.leaving)?;
    let entry = roster.remove(before.id)?;
    let entity = entry.entity;
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
    let unread = entry.inbound.take(usize::MAX, usize::MAX);
    entry.inbound.close();
    let frames = unread.into_iter().map(|payload| ClientFrame {
        entity,
        connection: before.id,
        payload,
    });
    world
        .resource_mut::<Messages<ClientFrame>>()
        .write_batch(frames);
    Some(entity)
}

/// Gives the player its new connection.
pub(super) fn restore(world: &mut World, arrival: Arrival, entity: Entity) {
    let Arrival {
        handle,
        admission,
        subprotocol,
        since,
        inbound,
        outbound,
        answer,
    } = arrival;
    world.resource_mut::<Roster>().insert(entity, inbound);
    let connection = Connection::new(handle.id, handle.peer, since, subprotocol);
    first_message::join(world, &handle, &connection, &admission.user, outbound);
    if let Ok(mut player) = world.get_entity_mut(entity) {
        player.insert(connection);
        insert_all(&mut player, admission.extras);
        let changed = |user: &User| *user != admission.user;
        if !player.is_despawned() && player.get::<User>().is_none_or(changed) {
            let name = Name::new(admission.user.name().to_owned());
            player.insert((name, admission.user));
        }
    }
    tracing::debug!(user = %handle.user.id(), connection = %handle.id, "a link is restored");
    world.trigger(LinkRestored { entity });
    // The handshake may have been dropped: then its departure follows.
    let _ = answer.send(Ok(()));
}
