//! The messages between the two worlds, and nothing else.
//!
//! ```text
//! network ── Arrival, Departure, ready inbound queues (crossbeam) ──► game
//! game ── one Vec<Command> per tick (bounded) ──► network
//! ```
//!
//! Code that runs on tokio never touches the `World`; ECS code never touches a socket. Both know this
//! module.

mod arrivals;
mod commands;
mod departures;
mod notices;

pub(crate) use arrivals::Arrival;
pub(crate) use commands::{Command, Recipients};
pub(crate) use departures::{Departure, Departures};
pub(crate) use notices::{Notice, Notices};

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;

use crate::{
    config::Limits,
    connection::{Handle, Inbound, InboundLimits},
    util::{Counts, GameWaker, Line},
};

/// The network's end.
#[derive(Clone)]
pub(crate) struct NetworkEnd {
    arrivals: Line<Arrival>,
    ready: Arc<Line<Arc<Inbound>>>,
    inbound_limits: InboundLimits,
}

impl NetworkEnd {
    /// Hands an arrival over to the game. False when too many wait already.
    pub fn arrive(&self, arrival: Arrival) -> bool {
        self.arrivals.put(arrival).is_ok()
    }

    /// The inbound queue of a new connection.
    pub fn inbound(&self, handle: Arc<Handle>) -> Arc<Inbound> {
        Inbound::new(handle, self.ready.clone(), self.inbound_limits)
    }

    /// Another line to the same game.
    pub fn line<T>(&self, limit: usize) -> (Line<T>, Receiver<T>) {
        Line::bounded(limit, self.arrivals.waker())
    }
}

/// The game's end.
pub(crate) struct GameEnd {
    pub arrivals: Receiver<Arrival>,
    pub departures: Receiver<Departure>,
    pub ready: Receiver<Arc<Inbound>>,
    pub notices: Receiver<Notice>,
    /// Has something when one of these has.
    pub wakes: Receiver<()>,
    pub ticks: mpsc::Sender<Vec<Command>>,
}

/// Both ends, the lines for departures and notices, and the ticks on their way to the network.
pub(crate) fn bridge(
    limits: &Limits,
    counts: &Arc<Counts>,
) -> (
    NetworkEnd,
    GameEnd,
    Departures,
    Notices,
    mpsc::Receiver<Vec<Command>>,
) {
    let (waker, wakes) = GameWaker::new();
    let (arrivals, arrivals_end) = Line::bounded(limits.pending_handshakes, &waker);
    let (departures, departures_end) = Line::bounded(limits.connections.saturating_mul(2), &waker);
    let (ready, ready_end) = Line::bounded(limits.connections, &waker);
    // Three for each session: its token expires, another one was given, and its user has changed.
    let (notices, notices_end) =
        Line::bounded(limits.connections.saturating_mul(3).max(16), &waker);
    let notices = Notices::new(notices, counts.clone());
    let (ticks, ticks_end) = mpsc::channel(limits.queued_ticks);
    let network = NetworkEnd {
        arrivals,
        ready: Arc::new(ready),
        inbound_limits: InboundLimits {
            messages: limits.inbound_queue_messages,
            bytes: limits.inbound_queue_bytes,
        },
    };
    let game = GameEnd {
        arrivals: arrivals_end,
        departures: departures_end,
        ready: ready_end,
        notices: notices_end,
        wakes,
        ticks,
    };
    (
        network,
        game,
        Departures::new(departures),
        notices,
        ticks_end,
    )
}
