//! This node: what the door asks before it lets a player in.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    backplane::{Backplane, BackplaneError, Issue, LogPosition, NodeId},
    client::Client,
    frames::Frames,
    kicks::Kicks,
    options::ClusterOptions,
    seats::Seats,
    shared_state::{SharedState, SharedStateLimits, SharedStates, Sharing},
};
use crate::{
    config::Limits,
    identity::{Refusal, RefusalKind, TokenFacts, UserId},
    revocation::{BarredList, Decision, Subject},
    util::{Mutex, lock, unix_now},
};

/// When to come back after a 503 that has to do with the backplane.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Subjects that can bar one player, times the shapes of an entry.
const ENTRIES_MAX: usize = 12;

/// See the module's documentation.
pub(crate) struct Node {
    pub id: NodeId,
    pub options: ClusterOptions,
    pub limits: Arc<Limits>,
    pub seats: Arc<Seats>,
    pub frames: Frames,
    pub states: SharedStates,
    pub client: Client,
    /// When it was last known that nothing in the log was unread, and up to where it was read.
    confirmed: Mutex<Option<Instant>>,
    position: watch::Sender<LogPosition>,
    /// Whom this node has barred in the list since the last comparison: the log may not say it again.
    barred: Mutex<HashSet<Subject>>,
    pub kicks: Kicks,
    next_issue: AtomicU64,
}

impl Node {
    pub fn new(
        backplane: Arc<dyn Backplane>,
        options: ClusterOptions,
        limits: &Limits,
    ) -> Result<Self, BackplaneError> {
        Ok(Self {
            id: NodeId::random()?,
            seats: Arc::new(Seats::new(options.waiting_releases)),
            frames: Frames::new(&options),
            states: SharedStates::default(),
            limits: Arc::new(limits.clone()),
            client: Client::new(backplane, options.command_timeout),
            kicks: Kicks::new(options.waiting_kicks),
            next_issue: AtomicU64::new(1),
            options,
            confirmed: Mutex::new(None),
            position: watch::Sender::new(LogPosition::default()),
            barred: Mutex::default(),
        })
    }

    /// A decision of this node, with a number of its own.
    pub fn issue(&self, decision: Decision) -> Issue {
        Issue {
            number: self.next_issue.fetch_add(1, Ordering::Relaxed),
            node: self.id.clone(),
            decision,
        }
    }

    /// Whether the list has been read once.
    pub fn is_loaded(&self) -> bool {
        lock(&self.confirmed).is_some()
    }

    /// Whether the node knows, as of a moment ago, everything that the log says.
    pub fn is_current(&self) -> bool {
        lock(&self.confirmed).is_some_and(|at| at.elapsed() <= self.options.max_lag)
    }

    /// 503 unless the node [is current](Self::is_current) and has had all shared state once.
    pub fn check_current(&self) -> Result<(), Refusal> {
        if !self.is_current() {
            return Err(unavailable("this node is behind the control log"));
        }
        if !self.states.are_loaded() {
            return Err(unavailable("this node has not read the shared state yet"));
        }
        Ok(())
    }

    /// A map of the fleet.
    pub fn shared_state(&self, name: &str, limits: SharedStateLimits) -> SharedState {
        let sharing = if self.client.shares_state() {
            Sharing::Fleet
        } else {
            Sharing::Local
        };
        // The node's name is a number by chance.
        let first_id = u64::from_str_radix(self.id.as_str(), 16).unwrap_or_default();
        self.states
            .get(name, limits, self.options.max_lag, sharing, first_id)
    }

    /// Up to where the log has been applied.
    pub fn position(&self) -> LogPosition {
        *self.position.borrow()
    }

    /// Everything up to this position has been applied.
    pub fn applied(&self, position: LogPosition) {
        self.position.send_replace(position);
    }

    /// Nothing was unread at this time.
    pub fn confirm(&self, at: Instant) {
        *lock(&self.confirmed) = Some(at);
    }

    /// The list has this decision of this node.
    pub fn listed(&self, decision: &Decision) {
        let mut barred = lock(&self.barred);
        match decision {
            Decision::Bar(entry) => _ = barred.insert(entry.subject.clone()),
            Decision::Restore(subject) => _ = barred.remove(subject),
            Decision::Kick { .. } | Decision::Replace { .. } => {}
        }
    }

    /// Takes the subjects that this node has barred in the list.
    pub fn take_barred(&self) -> HashSet<Subject> {
        std::mem::take(&mut lock(&self.barred))
    }

    /// Waits until the log was applied up to this position.
    pub async fn has_applied(&self, position: LogPosition) {
        let mut applied = self.position.subscribe();
        // Fails only when this node is gone.
        let _ = applied.wait_for(|applied| *applied >= position).await;
    }

    /// Asks the shared list whether this identity is barred now.
    ///
    /// # Errors
    /// The refusal of the entry that bars the user, or 503 when the list cannot be read.
    pub async fn check_barred(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        self.check_current()?;
        let mut subjects = vec![Subject::Everyone, Subject::User(user.clone())];
        subjects.extend(token.id.clone().map(Subject::Token));
        let entries = self
            .client
            .ask(|backplane| backplane.barred(&subjects))
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let now = unix_now();
        let mut list = BarredList::new(ENTRIES_MAX);
        for entry in entries {
            list.put(entry, now)
                .map_err(|error| unavailable(error.to_string()))?;
        }
        match list.verdict(user, token, now) {
            Some(entry) => Err(entry.refusal(now)),
            None => Ok(()),
        }
    }
}

/// 503 with a cause for the operator.
pub(super) fn unavailable(cause: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::from(RefusalKind::Unavailable)
        .because(cause)
        .retry_after(RETRY_AFTER)
}
