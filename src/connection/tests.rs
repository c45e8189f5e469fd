//! The state of one connection, step by step. Its races are the model's: `tests/admission_model.rs`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bevy_ecs::prelude::Component;

use super::*;
use crate::identity::{
    CloseReason, ConnectionId, DisconnectReason, OwnedComponents, Refusal, TokenFacts, User,
};

#[derive(Component, Clone, PartialEq)]
struct Guild(u8);

fn user(name: &str) -> User {
    User::new("ann", name).unwrap()
}

fn handle() -> Arc<Handle> {
    let peer = ([127, 0, 0, 1], 4000).into();
    let id = ConnectionId::from_u64(1);
    Handle::new(id, user("Ann"), TokenFacts::default(), peer, None)
}

fn guild(number: u8) -> OwnedComponents {
    let mut owned = OwnedComponents::default();
    owned.add(Guild(number));
    owned
}

fn none() -> OwnedComponents {
    OwnedComponents::default()
}

#[test]
fn p16_what_an_earlier_look_has_found_never_overrules_a_later_one() {
    let handle = handle();
    let token = handle.token();
    let looks = [handle.look(), handle.look(), handle.look()];
    assert!(looks[0] != looks[1] && looks[1] != looks[2]);
    let follow = |look: usize, name| handle.follow(looks[look], &token, user(name), none());
    assert_eq!(follow(1, "Bea"), Followed::News);
    assert_eq!(follow(0, "Ann"), Followed::Overtaken);
    assert_eq!(handle.user().name(), "Bea");
    assert_eq!(follow(2, "Cat"), Followed::News);
    assert_eq!(follow(2, "Cat"), Followed::News, "it was not taken yet");
    assert!(
        handle
            .take_news()
            .is_some_and(|(user, _)| user.name() == "Cat")
    );
    assert_eq!(handle.take_news(), None);
    assert_eq!(follow(2, "Cat"), Followed::Unchanged);
}

#[test]
fn p16_what_was_found_with_another_token_does_not_count() {
    let handle = handle();
    let another = TokenFacts {
        issued_at: 7,
        ..TokenFacts::default()
    };
    let look = handle.look();
    let found = handle.follow(look, &another, user("Bea"), none());
    assert_eq!(found, Followed::Overtaken);
    assert_eq!(handle.renew(another.clone()), TokenFacts::default());
    assert_eq!(handle.token(), another);
    assert!(handle.take_renewed() && !handle.take_renewed());
    let found = handle.follow(look, &another, user("Bea"), none());
    assert_eq!(found, Followed::News);
}

/// The game may have changed what the directory has given.
#[test]
fn p16_components_of_the_directory_are_news_each_time_and_when_they_go() {
    let handle = handle();
    handle.own(guild(1));
    assert_eq!(handle.owned(), guild(1));
    let token = handle.token();
    let follow = |owned| handle.follow(handle.look(), &token, user("Ann"), owned);
    assert_eq!(follow(guild(1)), Followed::News);
    assert_eq!(handle.take_news(), Some((user("Ann"), guild(1))));
    assert_eq!(follow(guild(2)), Followed::News);
    assert_eq!(handle.take_news(), Some((user("Ann"), guild(2))));
    assert_eq!(follow(none()), Followed::News);
    assert_eq!(handle.take_news(), Some((user("Ann"), none())));
    assert_eq!(follow(none()), Followed::Unchanged);
}

#[test]
fn attempts_to_refresh_keep_the_pause_and_only_the_last_one_counts() {
    let handle = handle();
    let hour = Duration::from_secs(3600);
    let first = handle.may_refresh(Duration::ZERO).unwrap();
    assert!(handle.is_last(first));
    // Never the same twice, however quickly it comes.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let second = loop {
        match handle.may_refresh(hour) {
            Ok(attempt) => break attempt,
            Err(wait) => assert!(wait < hour && std::time::Instant::now() < deadline),
        }
    };
    assert!(handle.is_last(second) && !handle.is_last(first));
    let wait = handle.may_refresh(hour).unwrap_err();
    assert!(wait <= hour && wait > hour / 2, "{wait:?}");
    assert!(handle.is_last(second), "nothing was taken");
}

#[test]
fn what_is_kept_is_given_back_at_once_or_with_the_handle() {
    struct Kept(Arc<AtomicUsize>);
    impl Drop for Kept {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let handle = handle();
    handle.keep(Box::new(Kept(dropped.clone())));
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    handle.give_back();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    handle.keep(Box::new(Kept(dropped.clone())));
    drop(handle);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_guess_and_a_planned_recheck_are_remembered() {
    let handle = handle();
    assert!(!handle.has_guessed() && !handle.take_renewed());
    handle.note_guess();
    assert!(handle.has_guessed());
    handle.recheck_now();
    assert_ne!(handle.recheck_at.load(Ordering::Relaxed), 0);
}

/// What each phase answers to whoever asks.
#[test]
fn p04_a_handle_is_in_one_phase_after_the_other() {
    let words = |handle: &Handle| {
        let questions = [
            ("pending", handle.is_pending()),
            ("place", handle.holds_place()),
            ("live", handle.is_live()),
            ("absent", handle.is_absent()),
            ("in", handle.is_in()),
            ("entered", handle.is_entered()),
            ("abandoned", handle.abandoned().is_some()),
            ("leaving", handle.leaving().is_some()),
            ("fenced", handle.fenced().is_some()),
            ("writes", handle.write(|| ()).is_some()),
        ];
        let so = questions.into_iter().filter(|(_, is_so)| *is_so);
        so.map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    };
    let kicked = || CloseReason::from(DisconnectReason::Kicked);
    let revoked = || CloseReason::from(DisconnectReason::Revoked);

    let handed = handle();
    assert_eq!(words(&handed), "pending place");
    assert!(!handed.lose(|| panic!("it is not in")) && !handed.take_over());
    assert!(handed.enter() && !handed.enter());
    assert_eq!(words(&handed), "place live in entered writes");
    assert!(!handed.abandon(Refusal::unauthorized("late")) && !handed.take_over());
    assert_eq!(handed.leave(kicked(), Fence::AfterQueue, || ()), Left::Now);
    assert_eq!(words(&handed), "entered leaving writes");
    let again = handed.leave(revoked(), Fence::AfterQueue, || panic!("it has left"));
    assert_eq!(again, Left::Already);
    assert_eq!(handed.leaving(), Some(kicked()));
    let fenced = handed.leave(revoked(), Fence::Now, || panic!("it has left"));
    assert_eq!(fenced, Left::Already);
    assert_eq!(words(&handed), "entered leaving fenced");
    handed.leave(kicked(), Fence::Now, || panic!("it has left"));
    assert_eq!(handed.fenced(), Some(revoked()), "the first one stays");

    let lost = handle();
    assert!(lost.enter() && lost.lose(|| ()) && !lost.lose(|| panic!("it is lost")));
    assert_eq!(words(&lost), "absent in entered");
    assert!(lost.take_over() && !lost.take_over());
    assert_eq!(words(&lost), "entered leaving fenced");

    let away = handle();
    assert!(away.enter() && away.lose(|| ()));
    let left = away.leave(kicked(), Fence::AfterQueue, || ());
    assert_eq!(left, Left::WhileAbsent);
    assert_eq!(words(&away), "entered leaving fenced");

    let refused = handle();
    let refusal = Refusal::unauthorized("first");
    assert!(refused.abandon(refusal) && !refused.abandon(Refusal::unauthorized("second")));
    assert_eq!(words(&refused), "abandoned");
    assert!(!refused.enter());
    assert_eq!(refused.leave(kicked(), Fence::Now, || ()), Left::Already);
    let early = handle();
    let left = early.leave(revoked(), Fence::Now, || panic!("it was not in"));
    assert_eq!(left, Left::BeforeEntering);
    assert_eq!(words(&early), "abandoned");
}

#[tokio::test]
async fn whoever_owns_the_connection_is_woken_by_every_end() {
    let ends: [fn(&Handle); 4] = [
        |handle| _ = handle.abandon(Refusal::unauthorized("no")),
        |handle| {
            assert!(handle.enter());
            handle.leave(DisconnectReason::Kicked.into(), Fence::AfterQueue, || ());
        },
        |handle| _ = handle.renew(TokenFacts::default()),
        Handle::wake,
    ];
    for end in ends {
        let handle = handle();
        let mut nothing = std::task::Context::from_waker(std::task::Waker::noop());
        let woken = std::pin::pin!(handle.woken()).as_mut().poll(&mut nothing);
        assert!(woken.is_pending(), "nothing has happened");
        end(&handle);
        let woken = tokio::time::timeout(Duration::from_secs(20), handle.woken()).await;
        assert_eq!(woken, Ok(()));
    }
}
