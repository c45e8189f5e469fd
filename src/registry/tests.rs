//! What the model leaves out: counts, looks from outside, and what other nodes decide.

use super::*;
use crate::{
    bridge::{GameEnd, bridge},
    config::DuplicateLogin,
    drain::Drain,
    identity::DisconnectReason,
    revocation::Decision,
};

fn registry(change: impl FnOnce(&mut Limits)) -> (Registry, GameEnd) {
    let mut limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    change(&mut limits);
    let (_network, game, departures, notices, _ticks) = bridge(&limits, &Arc::default());
    (Registry::new(&limits, departures, notices, None), game)
}

fn id(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn token(name: &str) -> TokenFacts {
    TokenFacts {
        id: Some(format!("token-of-{name}").into()),
        issued_at: 100,
        ..TokenFacts::default()
    }
}

/// A handshake that waits for the game.
fn pending(registry: &Registry, name: &str) -> Arc<Handle> {
    let user = User::new(name, name).unwrap();
    let peer = ([127, 0, 0, 1], 4000).into();
    registry.admit(user, token(name), peer).unwrap()
}

fn joined(registry: &Registry, name: &str) -> Arc<Handle> {
    let handle = pending(registry, name);
    registry.enter(&handle).unwrap();
    handle
}

fn kicked() -> CloseReason {
    DisconnectReason::Kicked.into()
}

fn refusal_of(registry: &Registry, name: &str) -> Option<RefusalKind> {
    let checked = registry.check(&id(name), &token(name));
    checked.err().map(|refusal| refusal.kind())
}

#[test]
fn p09_places_are_counted_and_come_back_with_the_handle() {
    let (registry, game) = registry(|_| ());
    assert_eq!((registry.occupied(), registry.is_full()), (0, false));
    let mut held: Vec<_> = ["ann", "ben", "cat"]
        .map(|name| joined(&registry, name))
        .into();
    assert_eq!((registry.occupied(), registry.is_full()), (3, true));
    assert_eq!(refusal_of(&registry, "dan"), Some(RefusalKind::Capacity));
    let last = held.pop().unwrap();
    registry.leave(&last, kicked(), Fence::Now);
    assert_eq!(registry.occupied(), 3, "its socket is still there");
    drop((last, game.departures.try_recv()));
    assert_eq!((registry.occupied(), registry.is_full()), (2, false));
    assert_eq!(refusal_of(&registry, "dan"), None);
}

#[tokio::test]
async fn it_is_empty_once_the_last_place_is_free() {
    let (registry, _game) = registry(|_| ());
    let handle = pending(&registry, "ann");
    let emptied = registry.emptied();
    tokio::pin!(emptied);
    tokio::select! {
        biased;
        () = &mut emptied => panic!("somebody is there"),
        () = tokio::task::yield_now() => {}
    }
    assert!(registry.abandon(&handle, RefusalKind::Timeout.into()));
    drop(handle);
    emptied.await;
}

#[test]
fn sessions_are_found_by_number_user_and_order_as_long_as_they_are_there() {
    let (registry, _game) = registry(|limits| {
        limits.connections = 10;
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 3;
    });
    let numbers = |found: Vec<Arc<Handle>>| found.iter().map(|it| it.id).collect::<Vec<_>>();
    let [first, second] = [joined(&registry, "ann"), joined(&registry, "ann")];
    let waiting = pending(&registry, "ann");
    let other = joined(&registry, "ben");
    let newest = || registry.newest_of(&id("ann")).map(|it| it.id);
    assert_eq!(registry.session(second.id).unwrap().id, second.id);
    assert_eq!(newest(), Some(second.id), "not who waits");
    assert_eq!(registry.held(&id("ann")), 3);
    assert_eq!(
        numbers(registry.after(first.id, 2)),
        [second.id, waiting.id]
    );
    assert_eq!(
        numbers(registry.everybody()),
        [first.id, second.id, other.id]
    );
    registry.leave(&second, kicked(), Fence::Now);
    assert_eq!(newest(), Some(first.id));
    assert!(registry.session(second.id).is_none());
    assert_eq!(registry.held(&id("ann")), 2);
    assert_eq!(numbers(registry.after(first.id, 1)), [waiting.id]);
    // In order: a revocation still finds it.
    registry.leave(&first, kicked(), Fence::AfterQueue);
    assert!(registry.session(first.id).is_some());
    let whose = Subject::Token("token-of-ann".into());
    assert_eq!(registry.revoke(Revocation::new(whose)).cut(), 0);
    assert_eq!(first.fenced().unwrap().reason, DisconnectReason::Revoked);
    assert!(registry.session(first.id).is_none());
    assert_eq!(numbers(registry.everybody()), [other.id]);
}

#[test]
fn who_is_lost_is_in_and_goes_on_or_leaves_without_a_trace() {
    let (registry, game) = registry(|limits| {
        limits.connections = 10;
        limits.duplicate_login = DuplicateLogin::TakeOver;
    });
    let lost = joined(&registry, "ann");
    assert_eq!(registry.would_replace(&id("ann")).len(), 1);
    assert!(registry.lose(&lost, DisconnectReason::ConnectionLost.into()));
    assert!(game.departures.try_recv().unwrap().may_come_back);
    assert!(registry.would_replace(&id("ann")).is_empty());
    assert_eq!(registry.would_resume(&id("ann")).unwrap().id, lost.id);
    let next = pending(&registry, "ann");
    let entered = registry.enter(&next).unwrap();
    assert_eq!(entered.resumed.unwrap().id, lost.id);
    assert!(registry.session(lost.id).is_none());

    registry.lose(&next, DisconnectReason::ConnectionLost.into());
    registry.end(&next, kicked());
    assert!(registry.session(next.id).is_none() && next.leaving().is_some());

    let drained = joined(&registry, "ben");
    registry.lose(&drained, DisconnectReason::ConnectionLost.into());
    registry.drain.begin(Drain::default());
    registry.send_away(
        &drained,
        DisconnectReason::Draining.into(),
        Fence::AfterQueue,
    );
    let report = registry.drain.report();
    assert_eq!((report.told, report.aborted), (1, 1));
    assert!(registry.session(drained.id).is_none());
    let present = joined(&registry, "cat");
    registry.send_away(
        &present,
        DisconnectReason::Draining.into(),
        Fence::AfterQueue,
    );
    let report = registry.drain.report();
    assert_eq!(
        (report.told, report.aborted),
        (2, 1),
        "its task will say so"
    );
}

/// What a lost connection keeps of the fleet may be needed elsewhere, unless whoever comes takes it.
#[test]
fn what_is_kept_for_who_is_lost_is_given_back_where_nobody_is_replaced() {
    for (policy, is_given_back) in [
        (DuplicateLogin::RejectNew, true),
        (DuplicateLogin::KickOld, false),
    ] {
        let (registry, _game) = registry(|limits| limits.duplicate_login = policy);
        let kept = Arc::new(());
        let handle = joined(&registry, "ann");
        handle.keep(Box::new(kept.clone()));
        registry.lose(&handle, DisconnectReason::ConnectionLost.into());
        assert!(!registry.lose(&handle, DisconnectReason::ConnectionLost.into()));
        assert_eq!(Arc::strong_count(&kept) == 1, is_given_back, "{policy:?}");
    }
}

#[test]
fn the_game_hears_of_news_and_of_what_nobody_will_say_is_stored() {
    let (registry, game) = registry(|limits| limits.unsaved_revocations = 1);
    let handle = joined(&registry, "ann");
    let found = |name: &str| {
        let mut found = Admission::new(User::new("ann", name).unwrap());
        found.token = token("ann");
        found
    };
    let follow = |name| registry.follow(&handle, handle.look(), found(name));
    assert_eq!(follow("ann"), Followed::Unchanged);
    assert!(game.notices.try_recv().is_err());
    assert_eq!(follow("Ann"), Followed::News);
    let Ok(Notice::UserChanged(whose)) = game.notices.try_recv() else {
        panic!("nothing was said");
    };
    assert_eq!(whose, handle.id);
    for name in ["ben", "cat"] {
        drop(registry.revoke(Revocation::user(id(name))));
    }
    assert!(matches!(
        game.notices.try_recv(),
        Ok(Notice::NotStored(StoreError::Backlog))
    ));
    assert!(game.notices.try_recv().is_err(), "one only");
}

#[test]
fn p06_what_a_store_has_kept_bars_from_the_start_and_never_more_than_there_is_room_for() {
    let entries = || {
        ["ann", "ben"]
            .map(|name| Revocation::user(id(name)))
            .to_vec()
    };
    let (registry, _game) = registry(|limits| limits.revocations = 2);
    assert_eq!(registry.preload(entries()), Ok(()));
    assert_eq!(
        refusal_of(&registry, "ann"),
        Some(RefusalKind::Unauthorized)
    );
    assert_eq!(refusal_of(&registry, "cat"), None);
    let one_more = vec![Revocation::user(id("cat"))];
    assert_eq!(registry.preload(one_more), Err(StoreError::Full));
    assert!(
        registry.journal.subjects().is_empty(),
        "it is stored already"
    );
}

#[test]
fn p06_a_decision_of_another_node_counts_here_and_one_of_this_node_ends_nobody_again() {
    let (registry, _game) = registry(|_| ());
    let handle = joined(&registry, "ann");
    let bar = Decision::Bar(Revocation::user(id("ann")));
    assert_eq!(registry.hear(&bar, true), 0);
    assert!(handle.is_live());
    assert_eq!(
        refusal_of(&registry, "ann"),
        Some(RefusalKind::Unauthorized)
    );
    assert_eq!(registry.hear(&bar, false), 1);
    assert_eq!(handle.fenced().unwrap().reason, DisconnectReason::Revoked);
    registry.hear(&Decision::Restore(id("ann").into()), false);
    assert_eq!(refusal_of(&registry, "ann"), None);
    assert!(registry.journal.subjects().is_empty(), "nothing goes back");

    let handle = joined(&registry, "ann");
    let kick = Decision::Kick {
        user: id("ann"),
        message: Some("enough".into()),
        waited_ms: 0,
    };
    assert_eq!(registry.hear(&kick, true), 0);
    assert!(handle.is_live());
    assert_eq!(registry.hear(&kick, false), 1);
    assert_eq!(handle.leaving().unwrap().message.as_deref(), Some("enough"));
    assert_eq!(handle.fenced(), None, "after what was said to it");

    let handle = joined(&registry, "ben");
    let replace = Decision::Replace {
        node: "a".into(),
        connection: handle.id,
    };
    assert_eq!(registry.hear(&replace, true), 0);
    assert_eq!(registry.hear(&replace, false), 1);
    let reason = handle.leaving().unwrap().reason;
    assert_eq!(reason, DisconnectReason::Replaced);
}

/// The list says what it says: whoever is barred more than before leaves, and everybody else stays.
#[test]
fn p06_of_a_shared_list_only_what_is_new_here_ends_sessions() {
    let ann = || Revocation::user(id("ann"));
    let far = unix_now() + 1000;
    for (held, shared, ends) in [
        (vec![], vec![ann()], true),
        (vec![ann()], vec![ann()], false),
        (vec![ann().until(far)], vec![ann()], true),
        (vec![ann()], vec![ann().until(far)], false),
        (vec![ann().until(far)], vec![ann().until(far)], false),
        (vec![ann().until(far)], vec![ann().until(far + 1)], true),
        (vec![ann().until(far)], vec![ann().until(far - 1)], false),
        (vec![ann()], vec![ann().ban()], true),
        (vec![ann().ban()], vec![ann()], true),
        (vec![ann()], vec![ann(), ann().ban()], true),
        (vec![ann(), ann().ban()], vec![ann()], false),
        (vec![ann().issued_before(7)], vec![ann()], true),
        (vec![ann()], vec![ann().issued_before(7)], true),
        (
            vec![ann().issued_before(7)],
            vec![ann().issued_before(8)],
            true,
        ),
        (
            vec![ann().issued_before(8)],
            vec![ann().issued_before(8)],
            false,
        ),
        (vec![ann()], vec![], false),
        (vec![ann()], vec![ann().until(unix_now())], false),
        (vec![], vec![ann().until(unix_now())], false),
    ] {
        let (registry, _game) = registry(|_| ());
        let subject = Subject::User(id("ann"));
        let handle = joined(&registry, "ann");
        for entry in &held {
            registry.hear(&Decision::Bar(entry.clone()), true);
        }
        assert!(handle.is_live());
        registry.align(&subject, &shared);
        assert_eq!(handle.fenced().is_some(), ends, "{held:?} {shared:?}");
        let counts = |entry: &&Revocation| entry.until.is_none_or(|until| unix_now() < until);
        let listed = registry.barred(&subject);
        assert_eq!(listed.len(), shared.iter().filter(counts).count());
        assert!(listed.iter().all(|entry| shared.contains(entry)));
    }
}

#[test]
fn p06_what_was_decided_here_and_is_not_stored_outlasts_what_other_nodes_say() {
    let (registry, _game) = registry(|_| ());
    drop(registry.revoke(Revocation::user(id("ann"))));
    drop(registry.revoke(Revocation::user(id("ben"))));
    drop(registry.restore(id("ben").into()));
    registry.hear(&Decision::Restore(id("ann").into()), false);
    registry.hear(&Decision::Bar(Revocation::user(id("ben"))), false);
    assert_eq!(
        refusal_of(&registry, "ann"),
        Some(RefusalKind::Unauthorized)
    );
    assert_eq!(refusal_of(&registry, "ben"), None);
    registry.align(&id("ann").into(), &[]);
    registry.align(&id("ben").into(), &[Revocation::user(id("ben"))]);
    assert_eq!(
        refusal_of(&registry, "ann"),
        Some(RefusalKind::Unauthorized)
    );
    assert_eq!(refusal_of(&registry, "ben"), None);
}

#[test]
fn who_replaces_too_often_waits_also_when_both_were_admitted_together() {
    let (registry, _game) = registry(|limits| {
        limits.connections = 10;
        limits.duplicate_login = DuplicateLogin::KickOld;
        limits.replacements_per_minute = 1;
    });
    joined(&registry, "ann");
    let [first, second] = [pending(&registry, "ann"), pending(&registry, "ann")];
    assert_eq!(registry.enter(&first).unwrap().replaced.len(), 1);
    assert!(registry.enter(&second).is_none());
    let refusal = second.abandoned().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::TooManyAttempts);
    let refused = Some(RefusalKind::TooManyAttempts);
    assert_eq!(refusal_of(&registry, "ann"), refused);
}

#[test]
fn p05_a_revocation_says_whom_it_cut_and_one_of_a_session_bars_nobody() {
    let (registry, _game) = registry(|_| ());
    let handle = joined(&registry, "ann");
    let session = Subject::Session(handle.id);
    assert_eq!(registry.revoke(Revocation::new(session.clone())).cut(), 1);
    assert!(handle.fenced().is_some());
    assert!(registry.barred(&session).is_empty());
    assert_eq!(refusal_of(&registry, "ann"), None);
    joined(&registry, "ben");
    assert_eq!(registry.revoke(Revocation::user(id("ben"))).cut(), 1);
    assert_eq!(registry.revoke(Revocation::user(id("ben"))).cut(), 0);
}
