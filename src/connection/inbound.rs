//! The messages of one client that wait for the game.

use std::{collections::VecDeque, sync::Arc};

use super::Handle;
use crate::{
    identity::Payload,
    util::{Line, Mutex, lock},
};

/// The messages of one client that wait for the game: the network puts them in, the game takes them
/// out.
pub(crate) struct Inbound {
    /// Holds the connection's place for as long as the inbound is in the line.
    pub handle: Arc<Handle>,
    queue: Mutex<Queue>,
    ready: Arc<Line<Arc<Inbound>>>,
    limits: InboundLimits,
}

/// How much may wait in one queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InboundLimits {
    pub messages: usize,
    pub bytes: usize,
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
    /// The queue of a new connection, which goes to this line whenever the game has something to read.
    pub fn new(
        handle: Arc<Handle>,
        ready: Arc<Line<Arc<Inbound>>>,
        limits: InboundLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            handle,
            queue: Mutex::default(),
            ready,
            limits,
        })
    }

    /// Puts a message in, or gives it back when there is no room. Then the connection's task is woken when
    /// there is room again.
    pub fn push(self: &Arc<Self>, payload: Payload) -> Result<(), Payload> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Ok(());
        }
        let full = queue.messages.len() >= self.limits.messages
            || queue.bytes + payload.len() > self.limits.bytes;
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
