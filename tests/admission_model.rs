//! The registry under a model checker: every interleaving of admit, enter, revoke, replace, leave and
//! write, over the very source files of the library with the model's lock in place of the system's.

#![allow(
    dead_code,
    unused_imports,
    reason = "only a part of these modules is modelled"
)]

mod config {
    pub use bevy_bouncer::{DuplicateLogin, Limits};
}
#[path = "../src/connection"]
mod connection {
    mod handle;
    pub(crate) use handle::{Fence, Handle, Left};
}
#[path = "../src/identity"]
mod identity {
    mod close_reason;
    mod owned_components;
    mod token_facts;
    pub use bevy_bouncer::{ConnectionId, Refusal, RefusalKind, User, UserId};
    pub(crate) use close_reason::{CloseReason, DisconnectReason};
    pub(crate) use owned_components::OwnedComponents;
    pub(crate) use token_facts::TokenFacts;
}
#[path = "../src/registry"]
mod registry {
    mod duplicate_login;
    mod session_index;
    pub(crate) use session_index::SessionIndex;
}
#[path = "../src/revocation"]
mod revocation {
    mod list;
    pub use bevy_bouncer::{Revocation, RevocationKind, StoreError, Subject};
    pub(crate) use list::BarredList;
}
#[path = "../src/util"]
mod util {
    mod clock;
    pub(crate) use clock::microseconds;
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    use std::sync::PoisonError;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bevy_bouncer::{Limits, Refusal, RefusalKind, Revocation, User};
use connection::{Fence, Handle, Left};
use identity::{CloseReason, DisconnectReason, TokenFacts};
use loom::thread;
use registry::SessionIndex;
use util::{Mutex, lock};

fn limits() -> Limits {
    Limits::default()
}

fn ann() -> User {
    User::new("ann", "Ann").unwrap()
}

fn admit(index: &Mutex<SessionIndex>) -> Result<Arc<Handle>, Refusal> {
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    lock(index).admit(ann(), TokenFacts::default(), peer, None, 0)
}

/// What the library's registry does: bar and collect under the lock, then fence.
fn revoke(index: &Mutex<SessionIndex>) {
    let (found, listed) = lock(index).revoke(Revocation::user(ann().id().clone()), 0);
    listed.unwrap();
    for handle in found {
        handle.leave(DisconnectReason::Revoked.into(), Fence::Now, || ());
    }
}

/// No session of a revoked identity may be live or able to become so.
fn assert_out(admitted: &Result<Arc<Handle>, Refusal>) {
    if let Ok(handle) = admitted {
        assert!(
            !handle.is_live() && !handle.is_pending(),
            "a player survived"
        );
    }
}

#[test]
fn p06_model_an_admission_sees_the_revocation_or_the_revocation_sees_the_handle() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let revoker = thread::spawn({
            let index = index.clone();
            move || revoke(&index)
        });
        let admitted = admit(&index);
        if let Ok(handle) = &admitted {
            lock(&index).enter(handle);
        }
        revoker.join().unwrap();
        assert_out(&admitted);
        assert!(admit(&index).is_err(), "and stays out");
    });
}

/// A session that goes on with another token while that token, or the one before, is revoked.
#[test]
fn p06_model_a_refresh_and_a_revocation_of_its_token_leave_nobody() {
    let token = |id: &str| TokenFacts {
        id: Some(id.into()),
        ..TokenFacts::default()
    };
    for (revoked, stays) in [("old", false), ("new", false), ("other", true)] {
        loom::model(move || {
            let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            let admitted = lock(&index).admit(ann(), token("old"), peer, None, 0);
            let handle = admitted.unwrap();
            lock(&index).enter(&handle).unwrap();
            let revoker = thread::spawn({
                let index = index.clone();
                move || {
                    let (found, _) = lock(&index).revoke(Revocation::token(revoked), 0);
                    for handle in found {
                        handle.leave(DisconnectReason::Revoked.into(), Fence::Now, || ());
                    }
                }
            });
            let renewed = lock(&index).renew(&handle, token("new"), 0);
            revoker.join().unwrap();
            let lasts_on = handle.token().id.unwrap();
            assert_eq!(&*lasts_on, if renewed.is_ok() { "new" } else { "old" });
            if handle.is_live() {
                assert_ne!(&*lasts_on, revoked, "a player survived");
            }
            if stays {
                assert!(renewed.is_ok() && handle.is_live());
            }
            // Whichever came first, a later revocation finds the token that counts, and no other.
            let later = lock(&index).revoke(Revocation::token(&*lasts_on), 0).0;
            assert_eq!(later.iter().any(|found| found.is_live()), handle.is_live());
        });
    }
}

/// A player whose connection is lost comes back while the user is revoked.
#[test]
fn p06_model_a_return_during_a_revocation_leaves_nobody_and_ends_once() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let lost = admit(&index).unwrap();
        lock(&index).enter(&lost).unwrap();
        assert!(lost.lose(|| ()));
        let ended = Arc::new(AtomicUsize::new(0));
        let revoker = thread::spawn({
            let (index, ended) = (index.clone(), ended.clone());
            move || {
                let (found, _) = lock(&index).revoke(Revocation::user(ann().id().clone()), 0);
                for handle in found {
                    handle.leave(DisconnectReason::Revoked.into(), Fence::Now, || {
                        ended.fetch_add(1, Ordering::SeqCst);
                    });
                }
            }
        });
        let back = admit(&index);
        let mut players = 1;
        if let Ok(back) = &back
            && let Some(entered) = lock(&index).enter(back)
            && entered.resumed.is_none()
        {
            // The one who was away is out of the indexes already.
            players = 2;
        }
        revoker.join().unwrap();
        assert_out(&back);
        assert!(!lost.is_in(), "a player survived");
        assert_eq!(ended.load(Ordering::SeqCst), players, "each ends once");
    });
}

/// A link that breaks while the game sends the player away.
#[test]
fn p04_model_a_lost_link_and_a_kick_end_the_player_once_and_leave_nothing() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let handle = admit(&index).unwrap();
        lock(&index).enter(&handle).unwrap();
        let task = thread::spawn({
            let handle = handle.clone();
            move || {
                if handle.lose(|| ()) {
                    return Left::Already;
                }
                // The task of a session that has ended takes it out of the indexes.
                handle.leave(DisconnectReason::ConnectionLost.into(), Fence::Now, || ())
            }
        });
        let kicked = handle.leave(DisconnectReason::Kicked.into(), Fence::AfterQueue, || ());
        task.join().unwrap();
        assert!(matches!(kicked, Left::Now | Left::WhileAbsent));
        assert!(!handle.is_in());
        assert!(handle.write(|| ()).is_none() || kicked == Left::Now);
    });
}

/// An admission that asks for the bar and for the place one after the other: the model finds the survivor.
#[test]
#[should_panic(expected = "a player survived")]
fn p06_model_the_naive_order_fails() {
    loom::model(|| {
        let barred = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let sessions = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let revoker = thread::spawn({
            let (barred, sessions) = (barred.clone(), sessions.clone());
            move || {
                let subject = Revocation::user(ann().id().clone()).subject;
                for handle in lock(&sessions).find(&subject) {
                    handle.leave(DisconnectReason::Revoked.into(), Fence::Now, || ());
                }
                revoke(&barred);
            }
        });
        let is_free = lock(&barred).check(ann().id(), &TokenFacts::default(), 0);
        let admitted = match is_free {
            Ok(()) => admit(&sessions),
            Err(refusal) => Err(refusal),
        };
        if let Ok(handle) = &admitted {
            lock(&sessions).enter(handle);
        }
        revoker.join().unwrap();
        assert_out(&admitted);
    });
}

#[test]
fn p05_model_no_write_begins_after_a_fence() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let handle = admit(&index).unwrap();
        lock(&index).enter(&handle).unwrap();
        let returned = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let writer = thread::spawn({
            let (handle, returned) = (handle.clone(), returned.clone());
            move || {
                for _ in 0..2 {
                    let write = || {
                        assert!(
                            !returned.load(Ordering::SeqCst),
                            "a write began after revoke() had returned"
                        );
                    };
                    if handle.write(write).is_none() {
                        assert!(handle.fenced().is_some());
                    }
                }
            }
        });
        revoke(&index);
        returned.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        assert!(handle.write(|| ()).is_none());
    });
}

#[test]
fn p04_model_a_session_that_ends_in_three_ways_is_reported_once() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let handle = admit(&index).unwrap();
        lock(&index).enter(&handle).unwrap();
        let reports = Arc::new(AtomicUsize::new(0));
        let end = |reason: DisconnectReason, fence: Fence| {
            let (handle, reports) = (handle.clone(), reports.clone());
            move || {
                handle.leave(reason.into(), fence, || {
                    reports.fetch_add(1, Ordering::SeqCst);
                })
            }
        };
        let lost = thread::spawn(end(DisconnectReason::ConnectionLost, Fence::Now));
        let kicked = thread::spawn(end(DisconnectReason::Kicked, Fence::AfterQueue));
        end(DisconnectReason::Revoked, Fence::Now)();
        lost.join().unwrap();
        kicked.join().unwrap();
        assert_eq!(reports.load(Ordering::SeqCst), 1);
        assert!(handle.fenced().is_some(), "a fence is never undone");
    });
}

#[test]
fn p02_model_a_deadline_and_the_game_never_both_win() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let handle = admit(&index).unwrap();
        let deadline = thread::spawn({
            let handle = handle.clone();
            move || handle.abandon(RefusalKind::Timeout.into())
        });
        let entered = lock(&index).enter(&handle).is_some();
        let abandoned = deadline.join().unwrap();
        assert!(entered != abandoned);
        assert_eq!(handle.is_live(), entered);
    });
}

#[test]
fn p06_model_a_replacement_during_a_revocation_leaves_nobody() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let old = admit(&index).unwrap();
        lock(&index).enter(&old).unwrap();
        let revoker = thread::spawn({
            let index = index.clone();
            move || revoke(&index)
        });
        let new = admit(&index);
        let mut ended = 0;
        if let Ok(new) = &new {
            for replaced in lock(&index).enter(new).unwrap_or_default().replaced {
                let left =
                    replaced.leave(DisconnectReason::Replaced.into(), Fence::AfterQueue, || ());
                ended += usize::from(left == Left::Now);
            }
        }
        revoker.join().unwrap();
        assert_out(&new);
        assert!(!old.is_live());
        assert!(ended <= 1);
    });
}

#[test]
fn p04_model_two_sessions_of_one_user_are_never_live_together() {
    loom::model(|| {
        let index = Arc::new(Mutex::new(SessionIndex::new(&limits())));
        let first = admit(&index).unwrap();
        let second = admit(&index).unwrap();
        let enter = |handle: Arc<Handle>| {
            let index = index.clone();
            move || {
                let mut index = lock(&index);
                for replaced in index.enter(&handle).unwrap_or_default().replaced {
                    replaced.leave(DisconnectReason::Replaced.into(), Fence::AfterQueue, || ());
                }
            }
        };
        let other = thread::spawn(enter(first.clone()));
        enter(second.clone())();
        other.join().unwrap();
        assert_eq!(
            [first, second]
                .iter()
                .filter(|handle| handle.is_live())
                .count(),
            1
        );
    });
}
