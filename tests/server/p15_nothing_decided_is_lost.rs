//! What was decided is stored as soon as the store takes it, and what is not stored at the end is told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bevy_bouncer::{
    testing::{StoreViolation, check_revocation_store},
    *,
};
use tokio::sync::{mpsc, oneshot};

use crate::support::*;

/// Makes these the entries of the subject, or does not quite.
type Replace = fn(&mut Vec<Revocation>, &Subject, &[Revocation]);

/// A store in memory that can be away.
#[derive(Clone)]
struct Store {
    is_away: Arc<AtomicBool>,
    kept: Arc<Mutex<Vec<Revocation>>>,
    replace: Replace,
}

impl Default for Store {
    fn default() -> Self {
        Self::that(|kept, subject, entries| {
            kept.retain(|entry| entry.subject != *subject);
            kept.extend_from_slice(entries);
        })
    }
}

impl Store {
    fn that(replace: Replace) -> Self {
        Self {
            is_away: Arc::default(),
            kept: Arc::default(),
            replace,
        }
    }

    fn away() -> Self {
        let store = Self::default();
        store.is_away.store(true, Ordering::SeqCst);
        store
    }

    fn is_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    fn kept(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

impl RevocationStore for Store {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        let kept = self.kept.lock().unwrap().clone();
        Box::pin(async { Ok(kept) })
    }

    fn replace<'a>(
        &'a self,
        subject: &'a Subject,
        entries: &'a [Revocation],
    ) -> StoreFuture<'a, ()> {
        Box::pin(async {
            if self.is_away.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("away".to_owned()));
            }
            (self.replace)(&mut self.kept.lock().unwrap(), subject, entries);
            Ok(())
        })
    }
}

fn open(store: impl RevocationStore, change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config();
    change(&mut config.limits);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    Game::open(door.revocations(store).unwrap())
}

fn ban(number: usize) -> Revocation {
    Revocation::user(user(&format!("player-{number}"))).ban()
}

#[test]
fn p15_however_much_waits_everything_in_force_is_stored_when_the_store_is_back() {
    let store = Store::away();
    let mut game = open(store.clone(), |limits| limits.unsaved_revocations = 1);
    for number in 0..100 {
        drop(game.bouncer.revoke(ban(number)));
    }
    assert_eq!(game.bouncer.unsaved().len(), 100);
    assert_eq!(store.kept(), 0);
    store.is_back();
    game.until("all is stored", |game| game.bouncer.unsaved().is_empty());
    assert_eq!(store.kept(), 100);
}

#[test]
fn p15_both_a_revocation_and_a_ban_of_a_user_outlast_a_restart() {
    let store = Store::default();
    let game = open(store.clone(), |_| ());
    let ban = ban(1);
    let for_a_moment = Revocation::user(user("player-1")).until(unix_now() + 1);
    for entry in [ban, for_a_moment] {
        assert_eq!(block_on(game.bouncer.revoke(entry)), Ok(()));
    }
    drop(game);
    let mut game = open(store, |_| ());
    let later = std::time::Instant::now() + Duration::from_secs(2);
    game.until("the revocation is over", |_| {
        std::time::Instant::now() > later
    });
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 403);
}

#[test]
fn p15_an_app_that_ends_before_everything_is_stored_ends_with_an_error() {
    for (store, is_error) in [(Store::default(), false), (Store::away(), true)] {
        let mut game = open(store, |limits| {
            limits.shutdown_timeout = Duration::from_millis(300);
        });
        let _ = block_on(game.bouncer.revoke(ban(1)));
        game.world().write_message(bevy_app::AppExit::Success);
        game.tick();
        let exit = game.app.should_exit().unwrap();
        assert_eq!(exit.is_error(), is_error);
        assert_eq!(game.bouncer.unsaved().is_empty(), !is_error);
    }
}

#[test]
fn p15_a_drain_waits_for_the_store() {
    let store = Store::away();
    let mut game = open(store.clone(), |_| ());
    drop(game.bouncer.revoke(ban(1)));
    let draining = game
        .bouncer
        .drain(Drain::within(Duration::from_secs(60)).then_exit());
    for _ in 0..50 {
        game.tick();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(!draining.is_finished(), "the ban is not stored");
    store.is_back();
    game.until("the exit", |game| game.app.should_exit().is_some());
    assert_eq!(store.kept(), 1);
    assert!(!game.app.should_exit().unwrap().is_error());
}

/// A store like a client of a database: `load` starts the task that everything later goes through.
struct Client(Mutex<Option<mpsc::Sender<oneshot::Sender<()>>>>);

impl RevocationStore for Client {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async {
            let (questions, mut asked) = mpsc::channel::<oneshot::Sender<()>>(8);
            tokio::spawn(async move {
                while let Some(answer) = asked.recv().await {
                    let _ = answer.send(());
                }
            });
            *self.0.lock().unwrap() = Some(questions);
            Ok(Vec::new())
        })
    }

    fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
        let questions = self.0.lock().unwrap().clone();
        Box::pin(async {
            let gone = || StoreError::Failed("the task is gone".to_owned());
            let (answer, answered) = oneshot::channel();
            let questions = questions.ok_or_else(gone)?;
            questions.send(answer).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())
        })
    }
}

#[test]
fn p15_a_task_that_loading_has_started_is_there_for_storing() {
    let game = open(Client(Mutex::default()), |_| ());
    assert_eq!(block_on(game.bouncer.revoke(ban(1))), Ok(()));
}

#[test]
fn a_store_that_cannot_be_loaded_keeps_the_door_shut_and_ends_the_app() {
    struct Unreadable;
    impl RevocationStore for Unreadable {
        fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
            Box::pin(async { Err(StoreError::Failed("no such disk".to_owned())) })
        }
        fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }
    }
    let game = open(Unreadable, |_| ());
    assert!(game.app.should_exit().unwrap().is_error());
    assert!(!game.bouncer.is_ready());
}

#[test]
fn the_check_of_stores_passes_a_good_one_and_finds_what_is_wrong_with_others() {
    let check = |store: Store| block_on(check_revocation_store(async || Ok(store.clone())));
    assert_eq!(check(Store::default()), Ok(()));
    // One entry for each subject, as the name of the method may suggest to somebody in a hurry.
    let naive = Store::that(|kept, subject, entries| {
        kept.retain(|entry| entry.subject != *subject);
        kept.extend(entries.last().cloned());
    });
    // Adds entries and forgets to take the former ones away.
    let collecting = Store::that(|kept, subject, entries| {
        if entries.is_empty() {
            kept.retain(|entry| entry.subject != *subject);
        }
        for entry in entries {
            if !kept.contains(entry) {
                kept.push(entry.clone());
            }
        }
    });
    for (store, differs) in [
        (naive, "a ban beside the revocation of the same user"),
        (
            collecting,
            "fewer and milder entries of the user than before",
        ),
    ] {
        let checked = check(store);
        let Err(StoreViolation::Differs { what, .. }) = checked else {
            panic!("{checked:?}");
        };
        assert_eq!(what, differs);
    }
    assert!(matches!(
        check(Store::away()),
        Err(StoreViolation::Failed { .. })
    ));
}
