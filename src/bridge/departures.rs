//! Sessions that have ended.

use std::sync::Arc;

use crate::{connection::Handle, identity::CloseReason, util::Line};

/// A session that has ended. Each live session sends exactly one, and perhaps one before it that it may come
/// back.
pub(crate) struct Departure {
    pub handle: Arc<Handle>,
    pub close_reason: CloseReason,
    /// Only the connection is lost; the player is kept for a while, and what becomes of it is another
    /// departure.
    pub may_come_back: bool,
}

/// Where departures are reported.
///
/// There are two slots for each place in the registry, and a departure holds its place (through its
/// handle) until the game has taken it out. So there is always room.
#[derive(Clone)]
pub(crate) struct Departures(Line<Departure>);

impl Departures {
    pub fn new(line: Line<Departure>) -> Self {
        Self(line)
    }

    pub fn report(&self, departure: Departure) {
        if self.0.put(departure).is_err() {
            // Only when the app is gone, and then no one listens.
            tracing::debug!("a departure was not reported: the app is gone");
        }
    }

    /// Wakes a game that sleeps between its ticks.
    pub fn wake_game(&self) {
        self.0.waker().wake();
    }
}
