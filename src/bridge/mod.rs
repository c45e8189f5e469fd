//! The messages between the two worlds, and nothing else.
//!
//! ```text
//! network ── Arrival, Departure, ready inbound queues (crossbeam) ──► game
//! game ── one Vec<Command> per tick (bounded) ──► network
//! ```
//!
//! Code that runs on tokio never touches the `World`; ECS code never touches a socket. Both know this
//! module.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::Limits,
    connection::{Handle, Outbound},
    identity::{Admission, CloseReason, ConnectionId, Payload, Refusal},
    revocation::StoreError,
    util::{Mutex, lock},
};

/// Somebody who passed every check of the door and waits for the game's word.
pub(crate) struct Arrival {
    pub handle: Arc<Handle>,
    pub admission: Admission,
    pub since: SystemTime,
    pub inbound: Arc<Inbound>,
    pub outbound: Arc<Outbound>,
    /// `Ok` once the entity exists.
    pub answer: oneshot::Sender<Result<(), Refusal>>,
}

/// A session that has ended. Each live session sends exactly one, and perhaps one before it that it may come
/// back.
pub(crate) struct Departure {
    pub handle: Arc<Handle>,
    pub close_reason: CloseReason,
    /// Only the connection is lost; the player is kept for a while, and what becomes of it is another
    /// departure.
    pub may_come_back: bool,
}

/// A line towards the game, with the bell that wakes a game which sleeps between its ticks.
pub(crate) struct Line<T> {
    sender: Sender<T>,
    bell: Sender<()>,
}

impl<T> Line<T> {
    /// Puts something in, unless the line is full or the app is gone.
    pub fn put(&self, value: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(value)?;
        // When it has rung already, once is enough.
        let _ = self.bell.try_send(());
        Ok(())
    }
}

impl<T> Clone for Line<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            bell: self.bell.clone(),
        }
    }
}

/// Where departures are reported.
///
/// There are two slots for each place in the registry, and a departure holds its place (through its
/// handle) until the game has taken it out. So there is always room.
#[derive(Clone)]
pub(crate) struct Departures(Line<Departure>);

impl Departures {
    pub fn report(&self, departure: Departure) {
        if self.0.put(departure).is_err() {
            // Only when the app is gone, and then there is nobody to tell.
            tracing::debug!("a departure was not reported: the app is gone");
        }
    }

    /// Wakes a game that sleeps between its ticks.
    pub fn ring(&self) {
        let _ = self.0.bell.try_send(());
    }
}

/// What the game should know besides.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A revocation is not stored.
    NotStored(StoreError),
    /// A session will end at this time (unix seconds, grace included) unless it gets another token.
    Expiring { id: ConnectionId, ends_at: u64 },
    /// What came of another token: when it expires, or why it was refused.
    Refreshed {
        id: ConnectionId,
        result: Result<Option<u64>, Refusal>,
    },
}

/// Where notices are put. When too many wait, further ones are dropped, and counted.
#[derive(Clone)]
pub(crate) struct Notices {
    line: Line<Notice>,
    tally: Arc<Tally>,
}

impl Notices {
    pub fn put(&self, notice: Notice) {
        if let Err(TrySendError::Full(_)) = self.line.put(notice) {
            Tally::count(&self.tally.dropped_notices);
        }
    }
}

/// What the game tells the network, in the order in which it said it.
pub(crate) enum Command {
    /// From here on broadcasts reach this connection.
    Join {
        id: ConnectionId,
        outbound: Arc<Outbound>,
    },
    /// One finished frame.
    Send { to: Recipients, frame: Bytes },
    /// What was sent before still goes out, then Close. Also for a session that has ended already.
    Leave {
        id: ConnectionId,
        close_reason: CloseReason,
    },
}

/// Who gets a frame.
#[derive(Debug, Clone)]
pub(crate) enum Recipients {
    One(ConnectionId),
    Some(Arc<[ConnectionId]>),
    Everyone,
    EveryoneBut(ConnectionId),
}

/// The messages of one client that wait for the game: the network puts them in, the game takes them
/// out.
pub(crate) struct Inbound {
    /// Holds the connection's place for as long as the inbound is in the line.
    pub handle: Arc<Handle>,
    queue: Mutex<Queue>,
    ready: Arc<Line<Arc<Inbound>>>,
    messages_limit: usize,
    bytes_limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Payload>,
    bytes: usize,
    /// Whether a message waits outside for room.
    full: bool,
    /// Whether the game knows that there is something. At most once in the channel of ready inbound queues.
    announced: bool,
    closed: bool,
}

impl Inbound {
    /// Puts a message in, or gives it back when there is no room. Then the connection's task is woken when
    /// there is room again.
    pub fn push(self: &Arc<Self>, payload: Payload) -> Result<(), Payload> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Ok(());
        }
        let full = queue.messages.len() >= self.messages_limit
            || queue.bytes + payload.len() > self.bytes_limit;
        if full && !queue.messages.is_empty() {
            queue.full = true;
            return Err(payload);
        }
        queue.bytes += payload.len();
        queue.messages.push_back(payload);
        if !queue.announced {
            queue.announced = true;
            drop(queue);
            self.announce();
        }
        Ok(())
    }

    /// Takes up to `messages` and `bytes` out; the first one whatever its size. An inbound that is not
    /// empty then goes to the end of the line.
    pub fn take(self: &Arc<Self>, messages: usize, bytes: usize) -> Vec<Payload> {
        let mut taken = Vec::new();
        let mut left = bytes;
        let mut queue = lock(&self.queue);
        while taken.len() < messages {
            match queue.messages.front() {
                Some(next) if next.len() <= left || taken.is_empty() => {
                    left = left.saturating_sub(next.len())
                }
                _ => break,
            }
            if let Some(payload) = queue.messages.pop_front() {
                queue.bytes -= payload.len();
                taken.push(payload);
            }
        }
        queue.announced = !queue.messages.is_empty();
        let again = queue.announced;
        let wake = std::mem::take(&mut queue.full);
        drop(queue);
        if again {
            self.announce();
        }
        if wake {
            self.handle.wake();
        }
        taken
    }

    /// Drops what was not read and takes nothing any more.
    pub fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.messages = VecDeque::new();
        queue.bytes = 0;
        drop(queue);
        self.handle.wake();
    }

    /// Whether the game has taken everything.
    pub fn is_empty(&self) -> bool {
        lock(&self.queue).messages.is_empty()
    }

    fn announce(self: &Arc<Self>) {
        // There is one slot for each place, an inbound is in at most once, and it holds its place. So
        // there is always room, and an error only says that the app is gone.
        let _ = self.ready.put(self.clone());
    }
}

/// The network's end.
#[derive(Clone)]
pub(crate) struct NetworkEnd {
    arrivals: Line<Arrival>,
    ready: Arc<Line<Arc<Inbound>>>,
    messages_limit: usize,
    bytes_limit: usize,
}

impl NetworkEnd {
    /// Hands somebody over to the game. False when too many wait already.
    pub fn arrive(&self, arrival: Arrival) -> bool {
        self.arrivals.put(arrival).is_ok()
    }

    /// The inbound queue of a new connection.
    pub fn inbound(&self, handle: Arc<Handle>) -> Arc<Inbound> {
        Arc::new(Inbound {
            handle,
            queue: Mutex::default(),
            ready: self.ready.clone(),
            messages_limit: self.messages_limit,
            bytes_limit: self.bytes_limit,
        })
    }

    /// Another line to the same game.
    pub fn line<T>(&self, limit: usize) -> (Line<T>, Receiver<T>) {
        line(limit, &self.arrivals.bell)
    }
}

/// The game's end.
pub(crate) struct GameEnd {
    pub arrivals: Receiver<Arrival>,
    pub departures: Receiver<Departure>,
    pub ready: Receiver<Arc<Inbound>>,
    pub notices: Receiver<Notice>,
    /// Rings when there is something in any of these.
    pub bell: Receiver<()>,
    pub ticks: mpsc::Sender<Vec<Command>>,
}

/// Both ends, the lines for departures and notices, and the ticks on their way to the network.
pub(crate) fn bridge(
    limits: &Limits,
    tally: &Arc<Tally>,
) -> (
    NetworkEnd,
    GameEnd,
    Departures,
    Notices,
    mpsc::Receiver<Vec<Command>>,
) {
    let (ring, bell) = crossbeam_channel::bounded(1);
    let (arrivals, arrivals_end) = line(limits.pending_handshakes, &ring);
    let (departures, departures_end) = line(limits.connections.saturating_mul(2), &ring);
    let (ready, ready_end) = line(limits.connections, &ring);
    // Two for each session: its token expires, and another one was given.
    let (notices, notices_end) = line(limits.connections.saturating_mul(2).max(16), &ring);
    let notices = Notices {
        line: notices,
        tally: tally.clone(),
    };
    let (ticks, ticks_end) = mpsc::channel(limits.queued_ticks);
    let network = NetworkEnd {
        arrivals,
        ready: Arc::new(ready),
        messages_limit: limits.inbound_queue_messages,
        bytes_limit: limits.inbound_queue_bytes,
    };
    let game = GameEnd {
        arrivals: arrivals_end,
        departures: departures_end,
        ready: ready_end,
        notices: notices_end,
        bell,
        ticks,
    };
    (network, game, Departures(departures), notices, ticks_end)
}

fn line<T>(limit: usize, bell: &Sender<()>) -> (Line<T>, Receiver<T>) {
    let (sender, end) = crossbeam_channel::bounded(limit);
    let bell = bell.clone();
    (Line { sender, bell }, end)
}

/// What happened since the start, for operators and diagnostics.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub admitted: AtomicU64,
    pub refused: AtomicU64,
    pub refused_sends: AtomicU64,
    pub merged_ticks: AtomicU64,
    pub dropped_notices: AtomicU64,
}

impl Tally {
    /// Counts one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
