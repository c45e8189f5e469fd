//! Follows the control log: boot, tail, and now and then a comparison with the whole list.
//!
//! ```text
//! tail at P ── list, page by page ── log after P ── log … (complete: confirmed at the time of asking)
//!    ▲                                                │
//!    └──── every reconcile interval, after a gap ─────┘
//! ```
//!
//! The list is read after its position, so it may already have what the log then says again; every
//! decision can be applied twice.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    backplane::{BackplaneError, LogEntry, LogPosition},
    node::Node,
};
use crate::{
    registry::Registry,
    revocation::{Decision, Subject},
    util::Backoff,
};

/// Longest wait for a new entry. Shorter than `max_lag`, because nothing is proved meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Subjects that are compared before others of the runtime have a turn.
const TURN: usize = 256;

/// Follows the log for as long as the server runs.
pub(crate) async fn run(node: Arc<Node>, registry: Arc<Registry>) {
    let mut follower = Follower {
        node,
        registry,
        position: None,
        compared: None,
        known: HashSet::new(),
        epoch: None,
        forgotten: false,
    };
    let mut backoff = Backoff::default();
    loop {
        match follower.step().await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                tracing::warn!(%error, "the control log cannot be followed");
                backoff.wait().await;
            }
        }
    }
}

struct Follower {
    node: Arc<Node>,
    registry: Arc<Registry>,
    /// Up to where the log was applied. `None`: not known, the list has to be read first.
    position: Option<LogPosition>,
    /// When the whole list was last compared. `None`: it has to be now.
    compared: Option<Instant>,
    /// Subjects that may have entries here and in the list: the log or the list said so, or this node has put them there.
    known: HashSet<Subject>,
    /// In which epoch of the backplane the list was last read.
    epoch: Option<u64>,
    /// The backplane has lost what it knew once: from then on entries that only this node has stay.
    forgotten: bool,
}

impl Follower {
    async fn step(&mut self) -> Result<(), BackplaneError> {
        let interval = self.node.options.reconcile_interval;
        let due = self.compared.is_none_or(|at| at.elapsed() >= interval);
        match self.position {
            None => self.compare().await,
            Some(_) if due => {
                self.catch_up().await?;
                self.compare().await
            }
            Some(position) => {
                let wait = if self.node.is_current() {
                    LONGEST_WAIT.min(self.node.options.max_lag / 4)
                } else {
                    // Players wait for the proof that nothing is unread.
                    Duration::ZERO
                };
                self.read(position, wait).await.map(drop)
            }
        }
    }

    /// Applies everything that is in the log now.
    async fn catch_up(&mut self) -> Result<(), BackplaneError> {
        while let Some(position) = self.position {
            if self.read(position, Duration::ZERO).await? {
                break;
            }
        }
        Ok(())
    }

    /// Applies what comes next. True when that was everything.
    async fn read(&mut self, after: LogPosition, wait: Duration) -> Result<bool, BackplaneError> {
        let asked = Instant::now();
        let patience = wait + self.node.options.command_timeout;
        let batch = self
            .node
            .client
            .ask_within(patience, |backplane| backplane.read(after, wait))
            .await?;
        if batch.gap {
            tracing::warn!("entries of the control log are lost, the list is read again");
            self.position = None;
            return Ok(false);
        }
        let mut last = after;
        for LogEntry {
            position,
            age,
            issue,
        } in batch.entries
        {
            // What came before may come again.
            if position <= last {
                continue;
            }
            last = position;
            self.position = Some(position);
            match issue {
                Some(issue) => self.apply(&issue.decision, issue.node == self.node.id, age),
                None => {
                    tracing::error!(?position, "an entry of the control log is not understood");
                    self.compared = None;
                }
            }
            self.node.applied(position);
        }
        if batch.complete && self.compared.is_some() {
            self.node.confirm(asked);
        }
        Ok(batch.complete)
    }

    fn apply(&mut self, decision: &Decision, here: bool, age: Duration) {
        // A replacement is often decided on the node whose session it ends, which ends it only now.
        let mut here = here;
        match decision {
            Decision::Bar(entry) => {
                self.known.insert(entry.subject.clone());
            }
            Decision::Restore(subject) => {
                self.known.remove(subject);
            }
            Decision::Replace { node, .. } if **node != *self.node.id.as_str() => return,
            Decision::Replace { .. } => here = false,
            Decision::Kick {
                user, waited_ms, ..
            } => {
                let age = age.saturating_add(Duration::from_millis(*waited_ms));
                if age > self.node.options.kick_lifetime {
                    tracing::info!(%user, ?age, "a kick of another node is too old");
                    return;
                }
            }
        }
        let cut = self.registry.hear(decision, here);
        if !here {
            tracing::info!(?decision, cut, "another node decided");
        }
    }

    /// Makes the local list equal to the shared one.
    async fn compare(&mut self) -> Result<(), BackplaneError> {
        let asked = Instant::now();
        self.known.extend(self.node.take_barred());
        let tail = self.node.client.ask(|backplane| backplane.tail()).await?;
        let mut only_here = self.known.clone();
        let mut cursor = None;
        loop {
            let page = self
                .node
                .client
                .ask(|backplane| backplane.list(cursor))
                .await?;
            for (place, (subject, entries)) in page.subjects.into_iter().enumerate() {
                self.registry.align(&subject, &entries);
                only_here.remove(&subject);
                self.known.insert(subject);
                take_turns(place).await;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // Asked after the list: then nothing was lost before it was read.
        let epoch = self.node.client.ask(|backplane| backplane.epoch()).await?;
        let another = self
            .epoch
            .replace(epoch)
            .is_some_and(|known| known != epoch);
        let before = self.node.position();
        if another || tail < before {
            self.forgotten = true;
            tracing::error!("the backplane has forgotten decisions: this node tells what it knows");
            for (place, subject) in only_here.iter().enumerate() {
                self.registry.store_again(subject);
                take_turns(place).await;
            }
        }
        if self.forgotten {
            // What has ended here is no more to be compared.
            let (known, registry) = (&mut self.known, &self.registry);
            known.retain(|subject| !registry.barred(subject).is_empty());
        } else {
            for (place, subject) in only_here.into_iter().enumerate() {
                self.registry.align(&subject, &[]);
                self.known.remove(&subject);
                take_turns(place).await;
            }
        }
        if self.position.is_none() {
            self.position = Some(tail);
            self.node.applied(tail);
        }
        self.compared = Some(asked);
        Ok(())
    }
}

/// Lets others of the runtime have their turn.
async fn take_turns(place: usize) {
    if place % TURN == TURN - 1 {
        tokio::task::yield_now().await;
    }
}
