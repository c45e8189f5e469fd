//! Counts of what happened, which any thread adds to.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start, for operators and diagnostics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub admitted: AtomicU64,
    pub refused: AtomicU64,
    pub refused_sends: AtomicU64,
    pub merged_ticks: AtomicU64,
    pub dropped_notices: AtomicU64,
}

impl Counts {
    /// Counts one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
