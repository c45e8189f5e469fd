//! Counts of what happened, which any thread adds to.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start, for operators and diagnostics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Handshakes that were answered with 101.
    pub admitted: AtomicU64,
    /// Handshakes that were answered with a refusal.
    pub refused: AtomicU64,
    /// Messages of the game that were not sent.
    pub refused_sends: AtomicU64,
    /// Ticks whose messages went out with those of a later tick.
    pub merged_ticks: AtomicU64,
    /// Notices that the game had no room for.
    pub dropped_notices: AtomicU64,
}

impl Counts {
    /// Counts one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
