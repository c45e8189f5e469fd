//! Players who ask to come in: the game's veto first, then whom they replace or go on as, then their entity.

use bevy_ecs::{name::Name, prelude::*};

use super::{
    components::{Connection, Players, insert_all},
    departures::{leaves_at_once, tell_earlier_ends},
    events::Arriving,
    first_message,
    inbox::ReadBudget,
    incoming::Incoming,
    link::{self, Rest},
    roster::{RegistryRef, Roster, dismiss},
};
use crate::{
    bridge::Arrival,
    config::DuplicateLogin,
    identity::{DisconnectReason, OwnedComponents},
    registry::Entered,
};

pub(super) fn take_arrivals(world: &mut World, incoming: &mut Incoming, budget: &mut ReadBudget) {
    let held = std::mem::take(&mut incoming.held);
    let places = incoming.limits.arrivals_per_tick.saturating_sub(held.len());
    for arrival in held {
        let_in(world, incoming, arrival);
    }
    let mut unread = std::mem::take(&mut incoming.unread);
    for _ in 0..places {
        let next = unread.pop_front();
        let Some(arrival) = next.or_else(|| incoming.end.arrivals.try_recv().ok()) else {
            break;
        };
        let user = arrival.handle.user_id();
        // Of two arrivals of one user, the later one comes later.
        let is_after = |other: &Arrival| other.handle.user_id() == user;
        let waits = incoming.held.iter().any(is_after) || incoming.unread.iter().any(is_after);
        match link::read_rest(world, incoming, user, budget) {
            Rest::None if !waits => let_in(world, incoming, arrival),
            Rest::TooMuch => incoming.unread.push_back(arrival),
            Rest::None | Rest::Read => incoming.held.push(arrival),
        }
    }
    incoming.unread.extend(unread);
    if !incoming.held.is_empty() || !incoming.unread.is_empty() {
        world.resource::<RegistryRef>().0.wake_game();
    }
}

fn let_in(world: &mut World, incoming: &mut Incoming, mut arrival: Arrival) {
    if !arrival.handle.is_pending() {
        return;
    }
    let registry = world.resource::<RegistryRef>().0.clone();
    // A player who passes this look was admitted before the drain began, and the drain finds the handle.
    if let Some(refusal) = registry.drain.refusal() {
        registry.abandon(&arrival.handle, refusal.clone());
        let _ = arrival.answer.send(Err(refusal));
        return;
    }
    let replaced = registry.would_replace(arrival.handle.user_id());
    let roster = world.resource::<Roster>();
    let entities = replaced
        .iter()
        .filter_map(|handle| Some(roster.get(handle.id)?.entity));
    let resumes = registry.would_resume(arrival.handle.user_id());
    let resumes = resumes.and_then(|handle| roster.get(handle.id));
    let mut arriving = Arriving {
        resumes: resumes.map(|entry| entry.entity),
        user: arrival.handle.user(),
        peer: arrival.handle.peer,
        admission: arrival.admission,
        replaces: entities.collect(),
        refusal: None,
    };
    world.trigger_ref(&mut arriving);
    world.flush();
    arrival.admission = arriving.admission;
    if let Some(refusal) = arriving.refusal {
        registry.abandon(&arrival.handle, refusal.clone());
        let _ = arrival.answer.send(Err(refusal));
        return;
    }
    let Some(Entered { replaced, resumed }) = registry.enter(&arrival.handle) else {
        return;
    };
    let takes_over = incoming.limits.duplicate_login == DuplicateLogin::TakeOver;
    let mut replaced = replaced.into_iter();
    let before = if takes_over && resumed.is_none() {
        replaced.next()
    } else {
        resumed
    };
    for old in replaced {
        dismiss(world, old.id, DisconnectReason::Replaced.into());
    }
    tell_earlier_ends(world, incoming, arrival.handle.user_id());
    let handle = arrival.handle.clone();
    match before.and_then(|before| link::take_over(world, incoming, &before)) {
        Some((entity, owned)) => link::restore(world, arrival, entity, &owned),
        None => spawn(world, arrival),
    }
    // Who was cut since entering: the departure may have been taken when there was no entity yet.
    if let Some(close_reason) = handle.leaving()
        && leaves_at_once(close_reason.reason)
    {
        dismiss(world, handle.id, close_reason);
    }
}

fn spawn(world: &mut World, arrival: Arrival) {
    let Arrival {
        handle,
        admission,
        subprotocol,
        since,
        inbound,
        outbound,
        answer,
    } = arrival;
    let entity = world.spawn_empty().id();
    let owned = admission.owned;
    let mut roster = world.resource_mut::<Roster>();
    roster.insert(entity, inbound, owned.clone());
    world
        .resource_mut::<Players>()
        .insert(handle.user_id().clone(), entity);
    let connection = Connection::new(handle.id, handle.peer, since, subprotocol);
    first_message::join(world, &handle, &connection, &admission.user, outbound);
    let about = (Name::new(admission.user.name().to_owned()), connection);
    let mut player = world.entity_mut(entity);
    if admission.extras.is_empty() && owned.is_empty() {
        player.insert((about, admission.user));
    } else {
        player.insert(about);
        insert_all(&mut player, admission.extras);
        owned.give(&mut player, &OwnedComponents::default());
        if !player.is_despawned() {
            player.insert(admission.user);
        }
    }
    tracing::debug!(user = %handle.user_id(), connection = %handle.id, "a player joined");
    // The handshake may have been dropped: then its departure follows.
    let _ = answer.send(Ok(()));
}
