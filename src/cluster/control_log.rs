//! The writer of the control log: issues the decisions of the journal.

use std::sync::Arc;

use tokio::time::timeout;

use super::{backplane::Issue, node::Node};
use crate::{
    revocation::{Change, Decision, JournalWriter, StoreError, StoreFuture},
    util::{Mutex, lock},
};

/// See the module's documentation. A decision that failed keeps its number when it comes again, because it may have been
/// written although the answer was lost.
pub(crate) struct ControlLogWriter {
    node: Arc<Node>,
    failed: Mutex<Option<Issue>>,
}

impl ControlLogWriter {
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            failed: Mutex::new(None),
        }
    }

    fn issue(&self, decision: &Decision) -> Issue {
        match lock(&self.failed).take() {
            Some(again) if again.decision == *decision => again,
            _ => self.node.issue(decision.clone()),
        }
    }
}

impl JournalWriter for ControlLogWriter {
    fn write<'a>(&'a self, change: &'a Change) -> StoreFuture<'a, usize> {
        Box::pin(async {
            let Some(decision) = change.decisions.first() else {
                return Ok(0);
            };
            self.write_one(decision).await?;
            Ok(1)
        })
    }
}

impl ControlLogWriter {
    async fn write_one(&self, decision: &Decision) -> Result<(), StoreError> {
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
        self.node.listed(decision);
        if matches!(decision, Decision::Restore(_)) {
            // Until earlier revocations of this node have come back from the log, and gone.
            let patience = self.node.options.command_timeout;
            let _ = timeout(patience, self.node.has_applied(position)).await;
        }
        Ok(())
    }
}
