//! Where the fan-out leaves what one connection has to write.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    goodbye::Goodbye,
    sync::{Mutex, lock},
};

/// How often the limits of the backlog fit in here. What is in here has not been tried to write, so
/// it says nothing about the client, only about this server.
const SLACK: usize = 8;

/// The hand-over from the fan-out to the task of one connection.
#[derive(Debug)]
pub(crate) struct Outlet {
    handed: Mutex<Handed>,
    added: Notify,
    messages_limit: usize,
    bytes_limit: usize,
}

/// What was handed over since the last look.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// Runs of frames, shared with other connections.
    pub frames: VecDeque<Arc<[Bytes]>>,
    /// Close after the frames.
    pub goodbye: Option<Goodbye>,
    /// So much was handed over without a look that the rest was dropped.
    pub overflowed: bool,
    messages: usize,
    bytes: usize,
    closed: bool,
}

impl Outlet {
    pub fn new(messages_limit: usize, bytes_limit: usize) -> Self {
        Self {
            handed: Mutex::default(),
            added: Notify::new(),
            messages_limit: messages_limit.saturating_mul(SLACK),
            bytes_limit: bytes_limit.saturating_mul(SLACK),
        }
    }

    /// Hands frames over. `bytes` is their length together.
    pub fn push(&self, frames: &Arc<[Bytes]>, bytes: usize) {
        let mut handed = lock(&self.handed);
        if handed.closed || handed.goodbye.is_some() || handed.overflowed {
            return;
        }
        // Looked at before adding: one tick fits always, however much it has.
        if handed.messages > self.messages_limit || handed.bytes > self.bytes_limit {
            handed.overflowed = true;
        } else {
            handed.messages += frames.len();
            handed.bytes += bytes;
            handed.frames.push_back(frames.clone());
        }
        drop(handed);
        self.added.notify_one();
    }

    /// Asks for a Close after everything that was handed over.
    pub fn close(&self, goodbye: Goodbye) {
        lock(&self.handed).goodbye.get_or_insert(goodbye);
        self.added.notify_one();
    }

    /// Takes everything out.
    pub fn take(&self) -> Handed {
        std::mem::take(&mut *lock(&self.handed))
    }

    /// Takes nothing any more.
    pub fn shut(&self) {
        *lock(&self.handed) = Handed {
            closed: true,
            ..Handed::default()
        };
    }

    /// Waits until something is handed over.
    pub async fn added(&self) {
        self.added.notified().await;
    }
}
