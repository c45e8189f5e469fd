//! From *fenced* to *stored*: what has been decided and still has to become durable.
//!
//! Entries are stored in the order in which they were decided. A failed store is retried until it
//! succeeds; every caller that waits learns of the failure at once.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use super::{RevocationStore, StoreError, StoreFuture, Subject, decision::Decision};
use crate::util::{Backoff, Mutex, lock};

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

type Stored = oneshot::Sender<Result<(), StoreError>>;

/// Where the journal writes decisions: a store, or the control log of a fleet.
pub(crate) trait JournalWriter: Send + Sync {
    /// Makes one decision durable, and returns only then. After an error the same decision comes again.
    fn write<'a>(&'a self, decision: &'a Decision) -> StoreFuture<'a, ()>;
}

impl<S: RevocationStore> JournalWriter for S {
    fn write<'a>(&'a self, decision: &'a Decision) -> StoreFuture<'a, ()> {
        match decision {
            Decision::Bar(entry) => self.put(entry),
            Decision::Restore(subject) => self.remove(subject),
            Decision::Kick { .. } | Decision::Replace { .. } => Box::pin(async { Ok(()) }),
        }
    }
}

/// The decisions that wait to be stored.
#[derive(Debug)]
pub(crate) struct Journal {
    waiting: Mutex<VecDeque<(Decision, Option<Stored>)>>,
    limit: usize,
    added: Notify,
    emptied: Notify,
}

impl Journal {
    pub fn new(limit: usize) -> Self {
        Self {
            waiting: Mutex::new(VecDeque::new()),
            limit,
            added: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Appends a decision. Never waits.
    pub fn append(&self, decision: Decision) -> Storing {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.limit {
            tracing::error!("a revocation is not stored: too many wait already");
            return Storing::failed(StoreError::Backlog);
        }
        let (done, storing) = oneshot::channel();
        waiting.push_back((decision, Some(done)));
        self.added.notify_one();
        Storing(Ok(storing))
    }

    /// The decisions about a subject that are not stored yet, in their order.
    pub fn waiting_for(&self, subject: &Subject) -> Vec<Decision> {
        let waiting = lock(&self.waiting);
        let decisions = waiting.iter().map(|(decision, _)| decision);
        decisions
            .filter(|decision| decision.subject() == Some(subject))
            .cloned()
            .collect()
    }

    /// Waits until nothing is left to store.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if lock(&self.waiting).is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Stores decisions for as long as the server runs. `failed` is told about each failure.
    pub async fn run(&self, writer: Arc<dyn JournalWriter>, failed: impl Fn(StoreError)) {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        loop {
            let Some(decision) = self.first() else {
                self.emptied.notify_waiters();
                self.added.notified().await;
                continue;
            };
            match writer.write(&decision).await {
                Ok(()) => {
                    backoff.reset();
                    self.stored();
                }
                Err(error) => {
                    tracing::error!(%error, "a revocation is not stored yet, it will be tried again");
                    self.tell_all(&error);
                    failed(error);
                    self.wait_to_retry(backoff.next()).await;
                }
            }
        }
    }

    fn first(&self) -> Option<Decision> {
        lock(&self.waiting)
            .front()
            .map(|(decision, _)| decision.clone())
    }

    fn stored(&self) {
        if let Some((_, Some(done))) = lock(&self.waiting).pop_front() {
            let _ = done.send(Ok(()));
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
                () = self.added.notified() => self.tell_all(&failing),
            }
        }
    }

    fn tell_all(&self, error: &StoreError) {
        for (_, done) in lock(&self.waiting).iter_mut() {
            if let Some(done) = done.take() {
                let _ = done.send(Err(error.clone()));
            }
        }
    }
}

/// A decision on its way to the store.
#[derive(Debug)]
pub(crate) struct Storing(Result<oneshot::Receiver<Result<(), StoreError>>, Option<StoreError>>);

impl Storing {
    /// Why it is certain already that it is not stored.
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
                .map(|answer| answer.unwrap_or(Err(StoreError::Stopped))),
            Err(known) => Poll::Ready(known.take().map_or(Ok(()), Err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::identity::UserId;
    use crate::revocation::Revocation;

    #[derive(Default)]
    struct Flaky {
        broken: AtomicBool,
        stored: Mutex<Vec<Revocation>>,
    }

    impl RevocationStore for Flaky {
        fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn put<'a>(&'a self, entry: &'a Revocation) -> StoreFuture<'a, ()> {
            Box::pin(async {
                if self.broken.load(Ordering::SeqCst) {
                    return Err(StoreError::Failed("disk full".to_owned()));
                }
                lock(&self.stored).push(entry.clone());
                Ok(())
            })
        }
        fn remove<'a>(&'a self, _: &'a Subject) -> StoreFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    fn entry(user: &str) -> Decision {
        Decision::Bar(Revocation::user(UserId::new(user).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_store_is_told_at_once_and_retried_in_order() {
        let journal = Arc::new(Journal::new(10));
        let store = Arc::new(Flaky::default());
        store.broken.store(true, Ordering::SeqCst);
        let running = tokio::spawn({
            let (journal, store) = (journal.clone(), store.clone());
            async move { journal.run(store, |_| ()).await }
        });
        assert!(journal.append(entry("ann")).await.is_err());
        assert!(
            journal.append(entry("ben")).await.is_err(),
            "the store is known to fail"
        );
        assert!(lock(&store.stored).is_empty());
        store.broken.store(false, Ordering::SeqCst);
        journal.emptied().await;
        let users: Vec<_> = lock(&store.stored)
            .iter()
            .map(|held| held.subject.clone())
            .collect();
        let user = |name| Subject::User(UserId::new(name).unwrap());
        assert_eq!(users, [user("ann"), user("ben")]);
        running.abort();
    }

    #[tokio::test]
    async fn a_full_journal_says_so() {
        let journal = Journal::new(1);
        let _first = journal.append(entry("ann"));
        assert_eq!(journal.append(entry("ben")).await, Err(StoreError::Backlog));
    }
}
