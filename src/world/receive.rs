//! The start of a tick: who left, who came, and what they said.
//!
//! In this order: players whose end the game could still see in the last tick are despawned; then those
//! who were cut leave at once; then arrivals, veto first; then messages, a fair share for each
//! connection; and last, the game hears of ordinary ends, whose entities stay for this tick.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use bevy_ecs::prelude::*;

use super::{
    arrivals::take_arrivals,
    departures::{take_departures, tell_endings},
    drain::announce,
    events::RevocationNotStored,
    inbox::take_messages,
    link,
    refresh::{Refreshed, TokenExpiring},
    roster::Roster,
};
use crate::{
    bridge::{Command, GameEnd, Notice},
    config::Limits,
    identity::{CloseReason, ConnectionId},
};

/// Notices that the game hears in one tick.
const NOTICES_PER_TICK: usize = 1024;

/// The game's end of the bridge, and what is left for a later tick.
#[derive(Resource)]
pub(crate) struct Incoming {
    pub end: GameEnd,
    pub limits: Limits,
    /// Ordinary ends of which the game does not know yet: messages come first.
    pub(super) ending: VecDeque<(ConnectionId, CloseReason)>,
    /// Players whose ordinary end the game saw in this tick, to despawn in the next.
    pub(super) departed: Vec<Entity>,
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
