//! Whether a player could come in now, as far as the server itself goes.

use std::time::Duration;

use super::Server;
use crate::identity::{Refusal, RefusalKind};

/// When to come back after a 503 that has to do with this server's state.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Server {
    /// Whether players can come in: not before the door is open, not once the server drains or the app is about to
    /// end, and on one of many nodes not while it does not know what the others decided.
    pub fn is_ready(&self) -> bool {
        let is_open = self.runtime.get().is_some();
        let is_going = self.registry.drain.is_ordered() || *self.stopping.borrow();
        is_open && !is_going && self.node().is_none_or(|node| node.check_current().is_ok())
    }

    /// Whether everything that has to be known before anybody comes in was read once.
    pub fn check_loaded(&self) -> Result<(), Refusal> {
        if self.node().is_none_or(|node| node.is_loaded()) {
            Ok(())
        } else {
            let cause = "the list of the barred is not read yet";
            Err(Refusal::unavailable(cause))
        }
    }

    /// The cheap look whether another player could come in; the place itself is taken at the end.
    pub fn check_room(&self) -> Result<(), Refusal> {
        if let Some(refusal) = self.registry.drain.refusal() {
            return Err(refusal);
        }
        let kind = if *self.stopping.borrow() {
            RefusalKind::Draining
        } else if self.registry.is_full() {
            RefusalKind::Capacity
        } else {
            return self.node().map_or(Ok(()), |node| node.check_current());
        };
        Err(Refusal::from(kind).retry_after(RETRY_AFTER))
    }
}
