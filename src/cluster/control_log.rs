//! The writer of the control log: issues the decisions of the journal.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::time::timeout;

use super::{backplane::Issue, node::Node};
use crate::{
    revocation::{Decision, JournalWriter, StoreFuture},
    util::{Mutex, lock},
};

/// See the module's documentation. A decision that failed keeps its number when it comes again, because it may have been
/// written although the answer was lost.
pub(crate) struct ControlLogWriter {
    node: Arc<Node>,
    next: AtomicU64,
    failed: Mutex<Option<Issue>>,
}

impl ControlLogWriter {
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            next: AtomicU64::new(1),
            failed: Mutex::new(None),
        }
    }

    fn issue(&self, decision: &Decision) -> Issue {
        match lock(&self.failed).take() {
            Some(again) if again.decision == *decision => again,
            _ => Issue {
                number: self.next.fetch_add(1, Ordering::Relaxed),
                node: self.node.id.clone(),
                decision: decision.clone(),
            },
        }
    }
}

impl JournalWriter for ControlLogWriter {
    fn write<'a>(&'a self, decision: &'a Decision) -> StoreFuture<'a, ()> {
        Box::pin(async {
            let issue = self.issue(decision);
            let issued = self
                .node
                .client
                .ask(|backplane| backplane.issue(&issue))
                .await;
            let position = match issued {
                Ok(position) => position,
                Err(error) => {
                    *lock(&self.failed) = Some(issue);
                    return Err(error.into());
                }
            };
            if matches!(decision, Decision::Restore(_)) {
                // Until earlier revocations of this node have come back from the log, and gone.
                let patience = self.node.options.command_timeout;
                let _ = timeout(patience, self.node.has_applied(position)).await;
            }
            Ok(())
        })
    }
}
