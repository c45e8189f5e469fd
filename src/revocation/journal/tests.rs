use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::identity::UserId;

/// A store that can fail or panic, and keeps what it was given.
#[derive(Default)]
struct Flaky {
    is_broken: AtomicBool,
    panics: AtomicBool,
    kept: Mutex<Vec<(Subject, Vec<Revocation>)>>,
}

impl RevocationStore for Flaky {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn replace<'a>(
        &'a self,
        subject: &'a Subject,
        entries: &'a [Revocation],
    ) -> StoreFuture<'a, ()> {
        assert!(!self.panics.load(Ordering::SeqCst), "the store panics");
        Box::pin(async {
            if self.is_broken.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("disk full".to_owned()));
            }
            lock(&self.kept).push((subject.clone(), entries.to_vec()));
            Ok(())
        })
    }
}

/// A log that takes one decision at a time, and fails while it is told to.
#[derive(Default)]
struct Log {
    is_broken: AtomicBool,
    written: Mutex<Vec<Decision>>,
}

impl JournalWriter for Log {
    fn write<'a>(&'a self, change: &'a Change) -> StoreFuture<'a, usize> {
        Box::pin(async {
            if self.is_broken.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("away".to_owned()));
            }
            lock(&self.written).push(change.decisions[0].clone());
            Ok(1)
        })
    }
}

fn user(name: &str) -> Subject {
    Subject::User(UserId::new(name).unwrap())
}

fn entry(name: &str) -> Revocation {
    Revocation::new(user(name))
}

fn start(journal: &Arc<Journal>, writer: Arc<dyn JournalWriter>) -> tokio::task::JoinHandle<()> {
    let journal = journal.clone();
    tokio::spawn(async move { journal.run(writer, |_| ()).await })
}

#[tokio::test(start_paused = true)]
async fn a_failed_store_is_told_at_once_and_retried_in_order() {
    let journal = Arc::new(Journal::new(10, 10));
    let store = Arc::new(Flaky::default());
    store.is_broken.store(true, Ordering::SeqCst);
    let running = start(&journal, Arc::new(StoreWriter(store.clone())));
    let bar = |name| journal.bar(entry(name), vec![entry(name)]);
    assert!(bar("ann").await.is_err());
    assert!(bar("ben").await.is_err(), "the store is known to fail");
    assert!(lock(&store.kept).is_empty());
    assert_eq!(journal.subjects(), [user("ann"), user("ben")]);
    store.is_broken.store(false, Ordering::SeqCst);
    journal.emptied().await;
    let kept = lock(&store.kept).clone();
    let expected = ["ann", "ben"].map(|name| (user(name), vec![entry(name)]));
    assert_eq!(kept, expected);
    assert!(journal.subjects().is_empty());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_has_failed_and_is_tried_again() {
    let journal = Arc::new(Journal::new(10, 10));
    let store = Arc::new(Flaky::default());
    store.panics.store(true, Ordering::SeqCst);
    let running = start(&journal, Arc::new(StoreWriter(store.clone())));
    let storing = journal.bar(entry("ann"), vec![entry("ann")]);
    assert!(matches!(storing.await, Err(StoreError::Failed(_))));
    store.panics.store(false, Ordering::SeqCst);
    journal.emptied().await;
    assert_eq!(lock(&store.kept).len(), 1);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn however_much_waits_every_revocation_is_stored() {
    let journal = Arc::new(Journal::new(100, 1));
    let store = Arc::new(Flaky::default());
    let names: Vec<_> = (0..100).map(|number| format!("user-{number}")).collect();
    let mut storing = names
        .iter()
        .map(|name| journal.bar(entry(name), vec![entry(name)]));
    assert_eq!(storing.next().unwrap().failure(), None);
    for storing in storing {
        assert_eq!(storing.await, Err(StoreError::Backlog), "nobody will say");
    }
    let running = start(&journal, Arc::new(StoreWriter(store.clone())));
    journal.emptied().await;
    assert_eq!(lock(&store.kept).len(), 100);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_restoration_for_which_there_is_no_room_is_refused() {
    let journal = Arc::new(Journal::new(10, 1));
    drop(journal.bar(entry("ann"), vec![entry("ann")]));
    assert!(journal.restore(user("ben")).is_err());
    assert!(journal.restore(user("ann")).is_ok(), "it waits already");
    assert_eq!(journal.subjects(), [user("ann")]);
}

#[tokio::test(start_paused = true)]
async fn entries_that_are_over_make_room() {
    let journal = Arc::new(Journal::new(1, 1));
    for name in ["ann", "ben", "cat", "dan"] {
        let over = entry(name).until(1);
        drop(journal.bar(over.clone(), vec![over]));
    }
    assert!(journal.subjects().len() <= 3);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_over_makes_room() {
    let journal = Journal::new(2, 2);
    let over = |name| entry(name).until(1);
    drop(journal.bar(over("ann"), vec![over("ann")]));
    drop(journal.restore(user("ben")));
    drop(journal.bar(entry("cat"), vec![entry("cat")]));
    drop(journal.bar(over("dan"), vec![over("dan")]));
    drop(journal.bar(over("eve"), vec![over("eve"), entry("eve").ban()]));
    // The first one may be with the writer; and nobody barred for good, or let in again, is forgotten.
    let left = ["ann", "ben", "cat", "eve"].map(user);
    assert_eq!(journal.subjects(), left);
    drop(journal.bar(entry("fay"), vec![entry("fay")]));
    assert_eq!(journal.subjects()[..4], left);
    assert_eq!(journal.waiting_for(&user("cat")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_restoration_undoes_is_not_stored_any_more() {
    let journal = Arc::new(Journal::new(10, 10));
    let log = Arc::new(Log::default());
    drop(journal.bar(entry("ann"), vec![entry("ann")]));
    drop(journal.restore(user("ann")));
    let ban = entry("ann").ban();
    let storing = journal.bar(ban.clone(), vec![ban.clone()]);
    let running = start(&journal, log.clone());
    assert_eq!(storing.await, Ok(()));
    let expected = [Decision::Restore(user("ann")), Decision::Bar(ban)];
    assert_eq!(*lock(&log.written), expected);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn entries_of_one_shape_become_one_that_is_as_strict_as_both() {
    let journal = Arc::new(Journal::new(10, 10));
    let log = Arc::new(Log::default());
    let far = unix_now() + 1000;
    for until in [far, far - 500] {
        drop(journal.bar(entry("ann").until(until), Vec::new()));
    }
    drop(journal.bar(entry("ann").ban(), Vec::new()));
    let running = start(&journal, log.clone());
    journal.emptied().await;
    let expected = [entry("ann").until(far), entry("ann").ban()].map(Decision::Bar);
    assert_eq!(*lock(&log.written), expected);
    running.abort();
}

/// It may have been written although the answer was lost: another one in its place would have another number.
#[tokio::test(start_paused = true)]
async fn a_decision_that_has_failed_comes_again_as_it_was() {
    let journal = Arc::new(Journal::new(10, 10));
    let log = Arc::new(Log::default());
    log.is_broken.store(true, Ordering::SeqCst);
    let running = start(&journal, log.clone());
    let storing = journal.bar(entry("ann"), vec![entry("ann")]);
    assert!(storing.await.is_err());
    drop(journal.restore(user("ann")));
    log.is_broken.store(false, Ordering::SeqCst);
    journal.emptied().await;
    let expected = [Decision::Bar(entry("ann")), Decision::Restore(user("ann"))];
    assert_eq!(*lock(&log.written), expected);
    running.abort();
}

/// What nodes that follow the log have in the end.
fn replay(decisions: &[Decision]) -> Vec<Revocation> {
    let mut entries = Vec::new();
    for decision in decisions {
        decide(&mut entries, decision);
    }
    entries
}

fn decide(entries: &mut Vec<Revocation>, decision: &Decision) {
    let Decision::Bar(entry) = decision else {
        return entries.clear();
    };
    match entries
        .iter_mut()
        .find(|held| list::have_one_shape(held, entry))
    {
        Some(held) => *held = list::merge(held, entry.clone(), unix_now()),
        None => entries.push(entry.clone()),
    }
}

proptest! {
    /// Whatever is decided while others are on their way, written or not, the log ends as the list does.
    #[test]
    fn p06_the_log_ends_as_the_list_does(steps in prop::collection::vec(0_u8..6, 1..40)) {
        let (mut waiting, mut log) = (Waiting::default(), Vec::new());
        let mut entries = Vec::new();
        let mut on_its_way: Option<Change> = None;
        for step in steps {
            let decision = match step {
                0 => Decision::Bar(entry("ann")),
                1 => Decision::Bar(entry("ann").ban()),
                2 => Decision::Restore(user("ann")),
                3 => {
                    on_its_way = on_its_way.or_else(|| waiting.begin());
                    continue;
                }
                _ => {
                    if let Some(change) = on_its_way.take() {
                        // A failed write may have been one all the same: the next one repeats it.
                        let repeats = log.last() == Some(&change.decisions[0]);
                        if !repeats {
                            log.push(change.decisions[0].clone());
                        }
                        match step {
                            4 => waiting.stored(&change.subject, 1),
                            _ => waiting.not_stored(&change.subject, &StoreError::Stopped),
                        }
                    }
                    continue;
                }
            };
            decide(&mut entries, &decision);
            waiting.add(user("ann"), decision, entries.clone());
        }
        while let Some(change) = waiting.begin() {
            log.push(change.decisions[0].clone());
            waiting.stored(&change.subject, 1);
        }
        let sorted = |mut entries: Vec<Revocation>| {
            entries.sort_by_key(|entry| format!("{entry:?}"));
            entries
        };
        prop_assert_eq!(sorted(replay(&log)), sorted(entries));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restoration_is_not_forgotten_because_an_entry_after_it_is_over() {
    let journal = Arc::new(Journal::new(1, 1));
    drop(journal.restore(user("ann")));
    let over = entry("ann").until(1);
    drop(journal.bar(over.clone(), vec![over]));
    for name in ["ben", "cat", "dan", "eve"] {
        let over = entry(name).until(1);
        drop(journal.bar(over.clone(), vec![over]));
    }
    assert!(journal.subjects().contains(&user("ann")));
}

#[tokio::test(start_paused = true)]
async fn p09_subjects_that_are_barred_and_restored_do_not_grow_without_end() {
    let (entries, limit) = (5, 3);
    let journal = Journal::new(entries, limit);
    for round in 0..20 {
        let names = (0..entries).map(|number| format!("{round}-{number}"));
        for name in names {
            drop(journal.bar(entry(&name), vec![entry(&name)]));
            let _ = journal.restore(user(&name));
        }
    }
    // A list of five has no more than five that could not be restored; here nobody counts them.
    let restored = |subject: &Subject| {
        matches!(
            journal.waiting_for(subject).last(),
            Some(Decision::Restore(_))
        )
    };
    assert!(
        journal
            .subjects()
            .iter()
            .filter(|subject| restored(subject))
            .count()
            <= entries + limit
    );
}

/// The first of several is the only one that may have been written: a restoration undoes the others.
#[tokio::test(start_paused = true)]
async fn of_decisions_that_have_failed_only_the_first_comes_again_as_it_was() {
    let journal = Arc::new(Journal::new(10, 10));
    let log = Arc::new(Log::default());
    log.is_broken.store(true, Ordering::SeqCst);
    let first = journal.bar(entry("ann"), vec![entry("ann")]);
    drop(journal.bar(entry("ann").ban(), vec![entry("ann"), entry("ann").ban()]));
    let running = start(&journal, log.clone());
    assert!(first.await.is_err());
    drop(journal.restore(user("ann")));
    log.is_broken.store(false, Ordering::SeqCst);
    journal.emptied().await;
    let expected = [Decision::Bar(entry("ann")), Decision::Restore(user("ann"))];
    assert_eq!(*lock(&log.written), expected);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_waited_for_no_more_and_makes_room_for_receipts() {
    let journal = Arc::new(Journal::new(10, 1));
    let running = start(&journal, Arc::new(Log::default()));
    for name in ["ann", "ben", "cat"] {
        let storing = journal.bar(entry(name), vec![entry(name)]);
        assert_eq!(storing.failure(), None);
        assert_eq!(storing.await, Ok(()));
    }
    running.abort();
}
