//! What has come from the network, and what is left for a later tick.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use bevy_ecs::prelude::*;

use crate::{
    bridge::{Arrival, Command, GameEnd},
    config::Limits,
    identity::{CloseReason, ConnectionId},
};

/// The game's end of the bridge, and what is left for a later tick.
#[derive(Resource)]
pub(crate) struct Incoming {
    pub end: GameEnd,
    pub limits: Limits,
    /// Arrivals that come in the next tick, when the game has read what their players said before.
    pub(super) held: Vec<Arrival>,
    /// Arrivals of whose players there was more to read than the tick's budget.
    pub(super) unread: VecDeque<Arrival>,
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
            held: Vec::new(),
            unread: VecDeque::new(),
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
        let has_left_over = !(self.held.is_empty()
            && self.unread.is_empty()
            && self.ending.is_empty()
            && self.departed.is_empty());
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
