//! What the game should know besides arrivals, departures and messages.

use std::sync::Arc;

use crossbeam_channel::TrySendError;

use crate::{
    identity::{ConnectionId, Refusal},
    revocation::StoreError,
    util::{Counts, Line},
};

/// What the game should know besides.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A revocation is not stored.
    NotStored(StoreError),
    /// A session will end at this time (unix seconds, grace included) unless it gets another token.
    Expiring { id: ConnectionId, ends_at: u64 },
    /// The directory says something else of a session's user: [`Handle::take_news`](crate::connection::Handle::take_news).
    UserChanged(ConnectionId),
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
    counts: Arc<Counts>,
}

impl Notices {
    pub fn new(line: Line<Notice>, counts: Arc<Counts>) -> Self {
        Self { line, counts }
    }

    pub fn put(&self, notice: Notice) {
        if let Err(TrySendError::Full(_)) = self.line.put(notice) {
            Counts::count(&self.counts.dropped_notices);
        }
    }
}
