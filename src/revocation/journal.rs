//! From *fenced* to *stored*: what has been decided and still has to become durable.
//!
//! What waits is kept by subject, so that it is bounded by the list of the barred however long the store is away:
//! a subject that is decided about again keeps its place. A failed write is tried again until it succeeds; everybody
//! who holds a receipt learns of the failure at once.
//!
//! ```text
//! revoke(ann) ─ ban(ann) ─ restore(ben) ─► ann: [revoke, ban], ben: [restore] ─► store: entries of ann as a whole
//!                                                                            └► control log: one decision after another
//! ```

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use super::{
    Revocation, RevocationStore, StoreError, StoreFuture, Subject, decision::Decision, list,
};
use crate::util::{Backoff, Mutex, lock, unix_now};

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

type Stored = oneshot::Sender<Result<(), StoreError>>;

/// What was decided about a subject and is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub subject: Subject,
    /// In their order. There is at least one.
    pub decisions: Vec<Decision>,
    /// The subject's entries after all of them.
    pub entries: Vec<Revocation>,
    /// So many of the decisions have been given to the writer, and may have been written.
    begun: usize,
}

impl Change {
    /// Adds a decision. Those before a restoration do not matter any more, and of two entries of one shape one
    /// is enough, unless they may have been written, or a restoration stands between them.
    fn add(&mut self, decision: Decision, entries: Vec<Revocation>) {
        self.entries = entries;
        let Decision::Bar(entry) = decision else {
            self.decisions.truncate(self.begun);
            return self.decisions.push(decision);
        };
        let is_restoration = |decision: &Decision| matches!(decision, Decision::Restore(_));
        let restored = self.decisions.iter().rposition(is_restoration);
        let start = self.begun.max(restored.map_or(0, |place| place + 1));
        for waiting in &mut self.decisions[start..] {
            if let Decision::Bar(held) = waiting
                && list::have_one_shape(held, &entry)
            {
                *held = list::merge(held, entry, unix_now());
                return;
            }
        }
        self.decisions.push(Decision::Bar(entry));
    }

    /// Whether it does not matter any more. A restoration always does: what is stored may last longer.
    fn is_over(&self, unix_now: u64) -> bool {
        let has_ended = |decision: &Decision| match decision {
            Decision::Bar(entry) => entry.until.is_some_and(|until| until <= unix_now),
            _ => false,
        };
        self.decisions.iter().all(has_ended)
    }
}

/// Where the journal writes: a store, or the control log of a fleet.
pub(crate) trait JournalWriter: Send + Sync {
    /// Makes the first decisions of a change durable, and returns only then how many. After an error the same
    /// change comes again, perhaps with further decisions at its end.
    fn write<'a>(&'a self, change: &'a Change) -> StoreFuture<'a, usize>;
}

/// Writes a subject's entries as a whole.
pub(crate) struct StoreWriter(pub Arc<dyn RevocationStore>);

impl JournalWriter for StoreWriter {
    fn write<'a>(&'a self, change: &'a Change) -> StoreFuture<'a, usize> {
        Box::pin(async {
            self.0.replace(&change.subject, &change.entries).await?;
            Ok(change.decisions.len())
        })
    }
}

/// The decisions that wait to be stored.
#[derive(Debug)]
pub(crate) struct Journal {
    waiting: Mutex<Waiting>,
    /// Subjects whose entries may wait.
    entries_limit: usize,
    /// Receipts that are waited for, and subjects beside those whose entries wait.
    limit: usize,
    added: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Every subject of `changes` once.
    order: VecDeque<Subject>,
    changes: HashMap<Subject, Change>,
    receipts: HashMap<Subject, Vec<Stored>>,
    receipts_held: usize,
    /// How many changes there may be before those are looked for that are over.
    sweep_at: usize,
}

impl Journal {
    pub fn new(entries_limit: usize, limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            entries_limit,
            limit,
            added: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Notes that an entry was added, and the subject's entries since. Never waits.
    ///
    /// With [`StoreError::Backlog`] as the answer it is stored all the same, but nobody will say when.
    pub fn bar(&self, entry: Revocation, entries: Vec<Revocation>) -> Storing {
        let mut waiting = lock(&self.waiting);
        let subject = entry.subject.clone();
        if waiting.changes.len() >= self.most().max(waiting.sweep_at) {
            waiting.forget_what_is_over();
            waiting.sweep_at = waiting.changes.len().saturating_add(self.limit);
        }
        self.append(&mut waiting, subject, Decision::Bar(entry), entries)
    }

    /// Notes that a subject has no entries any more. Never waits.
    ///
    /// # Errors
    /// [`StoreError::Backlog`] when too much waits: then the restoration must not be carried out.
    pub fn restore(&self, subject: Subject) -> Result<Storing, StoreError> {
        let mut waiting = lock(&self.waiting);
        let most = if waiting.changes.contains_key(&subject) {
            self.most()
        } else {
            self.limit
        };
        if waiting.changes.len() >= most {
            return Err(StoreError::Backlog);
        }
        let decision = Decision::Restore(subject.clone());
        Ok(self.append(&mut waiting, subject, decision, Vec::new()))
    }

    /// Subjects that may wait before no more restorations are taken. There are never more than these and the list's.
    fn most(&self) -> usize {
        self.entries_limit.saturating_add(self.limit)
    }

    fn append(
        &self,
        waiting: &mut Waiting,
        subject: Subject,
        decision: Decision,
        entries: Vec<Revocation>,
    ) -> Storing {
        waiting.add(subject.clone(), decision, entries);
        self.added.notify_one();
        if waiting.receipts_held >= self.limit {
            return Storing::failed(StoreError::Backlog);
        }
        let (done, storing) = oneshot::channel();
        waiting.receipts_held += 1;
        waiting.receipts.entry(subject).or_default().push(done);
        Storing(Ok(storing))
    }

    /// The decisions about a subject that are not stored yet, in their order.
    pub fn waiting_for(&self, subject: &Subject) -> Vec<Decision> {
        let waiting = lock(&self.waiting);
        let change = waiting.changes.get(subject);
        change.map_or_else(Vec::new, |change| change.decisions.clone())
    }

    /// The subjects about which something is not stored yet, those that wait longest first.
    pub fn subjects(&self) -> Vec<Subject> {
        lock(&self.waiting).order.iter().cloned().collect()
    }

    /// Waits until nothing is left to store.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if lock(&self.waiting).order.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Stores decisions for as long as the server runs. `failed` is told about each failure.
    pub async fn run(&self, writer: Arc<dyn JournalWriter>, failed: impl Fn(StoreError)) {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        loop {
            let Some(change) = lock(&self.waiting).begin() else {
                self.emptied.notify_waiters();
                self.added.notified().await;
                continue;
            };
            let subject = change.subject.clone();
            match write(writer.clone(), change).await {
                Ok(count) => {
                    backoff.reset();
                    lock(&self.waiting).stored(&subject, count);
                }
                Err(error) => {
                    tracing::error!(%error, ?subject, "a revocation is not stored yet, it will be tried again");
                    lock(&self.waiting).not_stored(&subject, &error);
                    failed(error);
                    self.wait_to_retry(backoff.next()).await;
                }
            }
        }
    }

    /// Pauses, and answers every decision that comes meanwhile that the store fails.
    async fn wait_to_retry(&self, pause: Duration) {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        let failing = StoreError::Failed("the store has failed and is being retried".to_owned());
        loop {
            tokio::select! {
                () = &mut over => return,
                () = self.added.notified() => lock(&self.waiting).tell_all(&failing),
            }
        }
    }
}

/// Writes in a task of its own: a store that panics has failed, and the journal goes on.
async fn write(writer: Arc<dyn JournalWriter>, change: Change) -> Result<usize, StoreError> {
    let written = tokio::spawn(async move { writer.write(&change).await }).await;
    written.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
}

impl Waiting {
    fn add(&mut self, subject: Subject, decision: Decision, entries: Vec<Revocation>) {
        let order = &mut self.order;
        let change = self.changes.entry(subject).or_insert_with_key(|subject| {
            order.push_back(subject.clone());
            Change {
                subject: subject.clone(),
                decisions: Vec::new(),
                entries: Vec::new(),
                begun: 0,
            }
        });
        change.add(decision, entries);
    }

    /// What is to be written next.
    fn begin(&mut self) -> Option<Change> {
        let change = self.changes.get_mut(self.order.front()?)?;
        change.begun = change.decisions.len();
        Some(change.clone())
    }

    /// The first decisions about this subject, which was the first in the order, are stored.
    fn stored(&mut self, subject: &Subject, count: usize) {
        self.order.pop_front();
        let Some(change) = self.changes.get_mut(subject) else {
            return;
        };
        change.decisions.drain(..count.min(change.decisions.len()));
        change.begun = 0;
        if !change.decisions.is_empty() {
            // The others have their turn first.
            self.order.push_back(subject.clone());
            return;
        }
        self.changes.remove(subject);
        let receipts = self.receipts.remove(subject).unwrap_or_default();
        self.receipts_held -= receipts.len();
        for done in receipts {
            let _ = done.send(Ok(()));
        }
    }

    /// The first decision may have been written although the answer was lost, so it comes again as it is.
    fn not_stored(&mut self, subject: &Subject, error: &StoreError) {
        if let Some(change) = self.changes.get_mut(subject) {
            change.begun = 1;
        }
        self.tell_all(error);
    }

    fn tell_all(&mut self, error: &StoreError) {
        self.receipts_held = 0;
        for done in self.receipts.drain().flat_map(|(_, receipts)| receipts) {
            let _ = done.send(Err(error.clone()));
        }
    }

    /// Makes room after an outage that has lasted longer than entries do.
    fn forget_what_is_over(&mut self) {
        let now = unix_now();
        // The first may be with the writer.
        let first = self.order.front().cloned();
        self.changes
            .retain(|subject, change| first.as_ref() == Some(subject) || !change.is_over(now));
        self.order
            .retain(|subject| self.changes.contains_key(subject));
        let over = |subject: &Subject| !self.changes.contains_key(subject);
        let receipts = self.receipts.extract_if(|subject, _| over(subject));
        let ended = StoreError::Failed("it ended before it could be stored".to_owned());
        for done in receipts.flat_map(|(_, receipts)| receipts) {
            self.receipts_held -= 1;
            let _ = done.send(Err(ended.clone()));
        }
    }
}

/// A decision on its way to the store.
#[derive(Debug)]
pub(crate) struct Storing(Result<oneshot::Receiver<Result<(), StoreError>>, Option<StoreError>>);

impl Storing {
    /// What this sender will say.
    pub fn channel() -> (oneshot::Sender<Result<(), StoreError>>, Self) {
        let (done, storing) = oneshot::channel();
        (done, Self(Ok(storing)))
    }

    /// Why nobody will say when it is stored, if that is certain already.
    pub fn failure(&self) -> Option<&StoreError> {
        self.0.as_ref().err().and_then(Option::as_ref)
    }

    pub fn failed(error: StoreError) -> Self {
        Self(Err(Some(error)))
    }

    /// There was nothing to store.
    pub fn done() -> Self {
        Self(Err(None))
    }
}

impl Future for Storing {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(stored) => Pin::new(stored)
                .poll(context)
                .map(|stored| stored.unwrap_or(Err(StoreError::Stopped))),
            Err(done) => Poll::Ready(done.take().map_or(Ok(()), Err)),
        }
    }
}

#[cfg(test)]
mod tests;
