//! The start of a tick: who left, who came, and what they said.
//!
//! In this order: players whose end the game could still see in the last tick are despawned; then those
//! who were cut leave at once; then arrivals, veto first; then messages, a fair share for each
//! connection; and last, the game hears of ordinary ends, whose entities stay for this tick.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use bevy_ecs::{message::Messages, name::Name, prelude::*};

use super::{
    components::{Connection, Players},
    drain::announce,
    events::{Arriving, ClientFrame, RevocationNotStored},
    link,
    refresh::{Refreshed, TokenExpiring},
    roster::{RegistryRef, Roster, dismiss, farewell},
    tick_output::TickOutput,
};
use crate::{
    bridge::{Arrival, Command, Departure, GameEnd, Notice},
    config::{DuplicateLogin, Limits},
    identity::{CloseReason, ConnectionId, DisconnectReason, Extra, UserId},
    registry::Entered,
};

/// Messages that one connection may pass before it is the next one's turn.
const TURN_MESSAGES: usize = 16;
/// Bytes that one connection may pass before it is the next one's turn.
const TURN_BYTES: usize = 64 * 1024;
/// Notices that the game hears in one tick.
const NOTICES_PER_TICK: usize = 1024;

/// The game's end of the bridge, and what is left for a later tick.
#[derive(Resource)]
pub(crate) struct Incoming {
    pub end: GameEnd,
    pub limits: Limits,
    /// Ordinary ends of which the game does not know yet: messages come first.
    ending: VecDeque<(ConnectionId, CloseReason)>,
    /// Players whose ordinary end the game saw in this tick, to despawn in the next.
    departed: Vec<Entity>,
    /// Ordinary ends that the game saw in this tick. The network hears of them after what the game still answers.
    pub leaving: Vec<Command>,
    /// Players whose connection is lost, by when they leave.
    pub absent: BTreeSet<(Instant, ConnectionId)>,
}

impl Incoming {
    pub fn new(end: GameEnd, limits: Limits) -> Self {
        Self {
            end,
            limits,
            ending: VecDeque::new(),
            departed: Vec::new(),
            leaving: Vec::new(),
            absent: BTreeSet::new(),
        }
    }

    /// Whether nothing waits, and no lost connection's time is up.
    pub fn is_idle(&self) -> bool {
        let end = &self.end;
        let has_arrived = !(end.departures.is_empty()
            && end.arrivals.is_empty()
            && end.ready.is_empty()
            && end.notices.is_empty());
        let has_left_over = !(self.ending.is_empty() && self.departed.is_empty());
        let gives_up = |(until, _): &(Instant, _)| *until <= Instant::now();
        !has_arrived && !has_left_over && !self.absent.first().is_some_and(gives_up)
    }

    /// Drops what waits: the app is about to end. Everything in here holds a place.
    pub fn discard(&mut self) {
        self.end.departures.try_iter().for_each(drop);
        self.end.ready.try_iter().for_each(drop);
        self.end.arrivals.try_iter().for_each(drop);
    }
}

/// Everything that came from the network since the last tick, within the tick's budget.
pub(crate) fn receive(world: &mut World) {
    announce(world);
    world.resource_scope(|world, mut incoming: Mut<Incoming>| {
        for entity in std::mem::take(&mut incoming.departed) {
            world.try_despawn(entity).ok();
        }
        link::give_up(world, &mut incoming);
        take_departures(world, &mut incoming);
        take_arrivals(world, &mut incoming);
        take_messages(world, &incoming);
        tell_endings(world, &mut incoming);
        take_notices(world, &incoming);
    });
}

/// Players who were cut during this tick leave in it.
pub(crate) fn cut(world: &mut World) {
    world
        .resource_scope(|world, mut incoming: Mut<Incoming>| take_departures(world, &mut incoming));
}

fn take_departures(world: &mut World, incoming: &mut Incoming) {
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
fn leaves_at_once(reason: DisconnectReason) -> bool {
    use DisconnectReason::*;
    matches!(
        reason,
        Revoked | Banned | UserGone | Kicked | Replaced | Shutdown | Draining
    )
}

fn take_arrivals(world: &mut World, incoming: &mut Incoming) {
    for _ in 0..incoming.limits.arrivals_per_tick {
        let Ok(arrival) = incoming.end.arrivals.try_recv() else {
            return;
        };
        let_in(world, incoming, arrival);
    }
}

fn let_in(world: &mut World, incoming: &mut Incoming, arrival: Arrival) {
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
    let replaced = registry.would_replace(arrival.handle.user.id());
    let roster = world.resource::<Roster>();
    let entities = replaced
        .iter()
        .filter_map(|handle| Some(roster.get(handle.id)?.entity));
    let resumes = registry.would_resume(arrival.handle.user.id());
    let resumes = resumes.and_then(|handle| roster.get(handle.id));
    let mut arriving = Arriving {
        resumes: resumes.map(|entry| entry.entity),
        user: arrival.handle.user.clone(),
        replaces: entities.collect(),
        refusal: None,
    };
    world.trigger_ref(&mut arriving);
    world.flush();
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
    tell_earlier_ends(world, incoming, arrival.handle.user.id());
    let handle = arrival.handle.clone();
    match before.and_then(|before| link::take_over(world, incoming, &before)) {
        Some(entity) => link::restore(world, arrival, entity),
        None => spawn(world, arrival),
    }
    // Who was cut since entering: the departure may have been taken when there was no entity yet.
    if let Some(close_reason) = handle.leaving()
        && leaves_at_once(close_reason.reason)
    {
        dismiss(world, handle.id, close_reason);
    }
}

/// When a user's session has just ended and the user is back already, the game hears of the end first.
fn tell_earlier_ends(world: &mut World, incoming: &mut Incoming, user: &UserId) {
    if world.resource::<Players>().of(user).is_empty() {
        return;
    }
    // An end is reported before anybody can find the session ended, so it is here by now.
    take_departures(world, incoming);
    let roster = world.resource::<Roster>();
    let ended_earlier = |(id, _): &(ConnectionId, CloseReason)| {
        roster
            .get(*id)
            .is_some_and(|entry| entry.inbound.handle.user.id() == user)
    };
    let (earlier, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut incoming.ending)
        .into_iter()
        .partition(ended_earlier);
    incoming.ending = others;
    for (id, close_reason) in earlier {
        tell(world, incoming, id, close_reason);
    }
}

fn spawn(world: &mut World, arrival: Arrival) {
    let Arrival {
        handle,
        admission,
        since,
        inbound,
        outbound,
        answer,
    } = arrival;
    let entity = world.spawn_empty().id();
    world.resource_mut::<Roster>().insert(entity, inbound);
    world
        .resource_mut::<Players>()
        .insert(handle.user.id().clone(), entity);
    world.resource_mut::<TickOutput>().push(Command::Join {
        id: handle.id,
        outbound,
    });
    let about = (
        Name::new(handle.user.name().to_owned()),
        Connection::new(handle.id, handle.peer, since),
    );
    let mut player = world.entity_mut(entity);
    if admission.extras.is_empty() {
        player.insert((about, admission.user));
    } else {
        player.insert(about);
        insert_all(&mut player, admission.extras);
        if !player.is_despawned() {
            player.insert(admission.user);
        }
    }
    tracing::debug!(user = %handle.user.id(), connection = %handle.id, "a player joined");
    // The handshake may have been dropped: then its departure follows.
    let _ = answer.send(Ok(()));
}

/// The authenticator's components. An observer of one may despawn the player.
pub(super) fn insert_all(player: &mut EntityWorldMut<'_>, extras: Vec<Extra>) {
    for insert in extras {
        if player.is_despawned() {
            return;
        }
        insert(player);
    }
}

fn take_messages(world: &mut World, incoming: &Incoming) {
    let mut messages = incoming.limits.frames_per_tick;
    let mut bytes = incoming.limits.bytes_per_tick;
    while messages > 0 && bytes > 0 {
        let Ok(inbound) = incoming.end.ready.try_recv() else {
            return;
        };
        let taken = inbound.take(messages.min(TURN_MESSAGES), bytes.min(TURN_BYTES));
        messages -= taken.len();
        let length: usize = taken.iter().map(|payload| payload.len()).sum();
        bytes = bytes.saturating_sub(length);
        let Some(entry) = world.resource::<Roster>().get(inbound.handle.id) else {
            continue;
        };
        let entity = entry.entity;
        world.resource_mut::<Messages<ClientFrame>>().write_batch(
            taken
                .into_iter()
                .map(|payload| ClientFrame { entity, payload }),
        );
    }
}

fn tell_endings(world: &mut World, incoming: &mut Incoming) {
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

fn take_notices(world: &mut World, incoming: &Incoming) {
    let entity_of = |world: &World, id| Some(world.resource::<Roster>().get(id)?.entity);
    for notice in incoming.end.notices.try_iter().take(NOTICES_PER_TICK) {
        match notice {
            Notice::NotStored(error) => {
                world.write_message(RevocationNotStored { error });
            }
            Notice::Expiring { id, ends_at } => {
                if let Some(entity) = entity_of(world, id) {
                    world.trigger(TokenExpiring { entity, ends_at });
                }
            }
            Notice::Refreshed { id, result } => {
                if let Some(entity) = entity_of(world, id) {
                    world.trigger(Refreshed { entity, result });
                }
            }
        }
    }
}
