//! Two nodes over a backplane within the process, which can be told to go wrong.

#[path = "cluster/fleet.rs"]
mod fleet;
#[path = "cluster/list.rs"]
mod list;
#[path = "cluster/list_as_store.rs"]
mod list_as_store;
#[path = "cluster/seats.rs"]
mod seats;
#[path = "cluster/state.rs"]
mod state;
#[path = "support/mod.rs"]
mod support;
#[path = "cluster/time.rs"]
mod time;

use std::{
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;
use fleet::*;
use support::*;

fn start(change: impl Fn(&mut Limits)) -> (Fleet, InProcessBackplane) {
    let backplane = InProcessBackplane::new();
    let fleet = Fleet::new(|| backplane.clone(), change);
    (fleet, backplane)
}

fn late_and_twice() -> Faults {
    Faults {
        log_delay: Duration::from_millis(30),
        log_twice: true,
        frames_twice: 0.5,
        frame_delay: Duration::ZERO..Duration::from_millis(20),
        ..Faults::default()
    }
}

#[test]
fn p06_the_list_keeps_the_contract_of_stores() {
    let backplane = InProcessBackplane::new();
    list_as_store::the_list_keeps_the_contract_of_stores(|| backplane.clone());
}

#[test]
fn p06_a_decision_holds_on_every_node() {
    let (mut fleet, _) = start(|_| {});
    a_decision_holds_on_every_node(&mut fleet);
    every_kind_of_revocation_holds(&mut fleet);
}

#[test]
fn p06_a_decision_holds_also_when_the_log_is_late_and_repeats_itself() {
    let (mut fleet, backplane) = start(|_| {});
    backplane.set_faults(late_and_twice());
    a_decision_holds_on_every_node(&mut fleet);
    every_kind_of_revocation_holds(&mut fleet);
}

#[test]
fn p06_a_node_that_starts_later_knows_the_barred() {
    let (mut fleet, backplane) = start(|_| {});
    a_node_that_starts_later_knows_the_barred(&mut fleet, backplane);
}

#[test]
fn p06_handshakes_race_revocations_over_nodes_and_nobody_survives() {
    let (mut fleet, _) = start(|_| {});
    handshakes_race_revocations_and_nobody_survives(&mut fleet, 200);
}

#[test]
fn p06_the_race_is_lost_also_against_a_late_log() {
    let (mut fleet, backplane) = start(|_| {});
    backplane.set_faults(Faults {
        log_delay: Duration::from_millis(15),
        log_twice: true,
        ..Faults::default()
    });
    handshakes_race_revocations_and_nobody_survives(&mut fleet, 60);
}

#[test]
fn a_login_on_another_node_replaces() {
    let (mut fleet, _) = start(|_| {});
    a_login_elsewhere_replaces(&mut fleet);
    of_many_logins_at_once_one_is_left(&mut fleet, 10);
}

#[test]
fn a_login_on_another_node_is_rejected() {
    let (mut fleet, _) = start(|limits| limits.duplicate_login = DuplicateLogin::RejectNew);
    a_login_elsewhere_is_rejected(&mut fleet);
}

#[test]
fn so_many_logins_are_allowed_over_all_nodes() {
    let (mut fleet, _) = start(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 3;
    });
    so_many_logins_are_allowed(&mut fleet);
}

#[test]
fn who_goes_back_and_forth_between_nodes_is_slowed_down() {
    let (mut fleet, _) = start(|limits| limits.replacements_per_minute = 2);
    going_back_and_forth_is_slowed_down(&mut fleet);
}

#[test]
fn p10_a_kick_that_is_too_old_hits_nobody() {
    let (mut fleet, backplane) = start(|_| {});
    let stopped = Faults {
        silent: true,
        ..Faults::default()
    };
    let stop = || backplane.set_faults(stopped);
    let go_on = || backplane.set_faults(Faults::default());
    a_kick_that_is_too_old_hits_nobody(&mut fleet, stop, go_on);
}

#[test]
fn p10_a_kick_reaches_every_node() {
    let (mut fleet, _) = start(|_| {});
    a_kick_reaches_every_node(&mut fleet);
}

#[test]
fn a_ticket_is_good_once_over_all_nodes() {
    let (mut fleet, _) = start(|_| {});
    a_ticket_is_good_once_on_any_node(&mut fleet, 10);
}

#[test]
fn chat_goes_everywhere() {
    let (mut fleet, _) = start(|_| {});
    chat_reaches_every_node(&mut fleet);
}

#[test]
fn chat_that_is_late_lost_or_repeated_comes_once_or_not_at_all() {
    let (mut fleet, backplane) = start(|_| {});
    let mut ann = fleet.a.join("player-1");
    let mut ben = fleet.b.join("player-2");
    backplane.set_faults(Faults {
        frames_lost: 0.2,
        frames_twice: 0.5,
        frame_delay: Duration::ZERO..Duration::from_millis(30),
        ..Faults::default()
    });
    const SENT: usize = 50;
    for number in 0..SENT {
        ann.send(&format!("number {number}"));
    }
    let mut heard = std::collections::HashSet::new();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        fleet.a.tick();
        fleet.b.tick();
        if let Heard::Text(text) = ben.hear_within(Duration::from_millis(2)) {
            assert!(heard.insert(text.clone()), "{text} came twice");
        }
    }
    assert!(
        heard.len() > SENT / 3 && heard.len() < SENT,
        "{}",
        heard.len()
    );
    let counters = fleet.b.app.world().resource::<Cluster>().counters();
    assert!(counters.duplicates > 0 && counters.received == heard.len() as u64);
}

#[test]
fn who_is_online_is_known() {
    let (mut fleet, _) = start(|_| {});
    who_is_online_is_known_everywhere(&mut fleet);
}

#[test]
fn p06_a_node_that_is_behind_lets_nobody_in_and_keeps_who_is_in() {
    let (mut fleet, backplane) = start(|_| {});
    for fault in [
        Faults {
            silent: true,
            ..Faults::default()
        },
        Faults {
            unreachable: true,
            ..Faults::default()
        },
    ] {
        let mut inside = fleet.b.join("player-1");
        backplane.set_faults(fault);
        let answer = fleet.b.connect(&token("player-2")).err().unwrap();
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (503, "unavailable")
        );
        fleet.until("it is known to be behind", |fleet| {
            !fleet.b.bouncer.is_ready()
        });
        // Trying takes the whole time-out, each time; without it only a busy machine takes long.
        let is_quick = (0..10).any(|_| {
            let asked = Instant::now();
            let answer = fleet.b.connect(&token("player-2")).err().unwrap();
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (503, "unavailable")
            );
            asked.elapsed() < Duration::from_millis(400)
        });
        assert!(is_quick, "it does not try");
        let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert_eq!(fleet.b.raw(health).unwrap().status, 200, "it lives");
        inside.send("still here");
        fleet.until("chat goes on here", |_| {
            matches!(inside.hear_within(Duration::from_millis(2)), Heard::Text(_))
        });
        // What is decided now is fenced here, not stored, and holds everywhere afterwards.
        let receipt = fleet.a.bouncer.revoke(user("player-1"));
        assert!(block_on(receipt).is_err());
        backplane.set_faults(Faults::default());
        assert_eq!(inside.close_code(), 4101);
        fleet.until("it has caught up", |fleet| fleet.b.bouncer.is_ready());
        fleet.b.join("player-2");
        assert_eq!(
            fleet.b.connect(&token("player-1")).err().unwrap().status,
            401
        );
        block_on(fleet.a.bouncer.restore(user("player-1"))).expect("stored");
        fleet.until("restored", |fleet| {
            fleet.b.connect(&token("player-1")).is_ok()
        });
    }
}

#[test]
fn p06_a_node_without_its_list_is_not_healthy_and_lets_nobody_in() {
    let backplane = InProcessBackplane::new();
    backplane.set_faults(Faults {
        silent: true,
        ..Faults::default()
    });
    let mut game = node(backplane.clone(), "a", |_| {});
    let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(game.raw(health).unwrap().status, 503);
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 503);
    assert!(!game.bouncer.is_ready());
    backplane.set_faults(Faults::default());
    ready(&mut game);
    assert_eq!(game.raw(health).unwrap().status, 200);
    game.join("player-1");
}

#[test]
fn p06_a_restoration_elsewhere_does_not_undo_what_waits_to_be_stored() {
    let (mut fleet, backplane) = start(|_| {});
    backplane.set_faults(Faults {
        log_delay: Duration::from_millis(300),
        ..Faults::default()
    });
    let restored = fleet.b.bouncer.restore(user("player-1"));
    block_on(async { tokio::time::timeout(PATIENCE, restored).await })
        .expect("in time")
        .expect("stored");
    block_on(fleet.a.bouncer.revoke(user("player-1"))).expect("stored");
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        for game in [&mut fleet.a, &mut fleet.b] {
            assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 401);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What goes wrong while this is decided.
fn with_faults(backplane: &InProcessBackplane, faults: Faults, decided: impl FnOnce() -> Receipt) {
    backplane.set_faults(faults);
    block_on(decided()).expect("stored");
}

/// Only the list has it, and nothing says so.
fn lost() -> Faults {
    Faults {
        log_lost: true,
        ..Faults::default()
    }
}

#[test]
fn p06_a_revocation_that_only_the_list_has_ends_sessions() {
    let backplane = InProcessBackplane::new();
    let mut fleet = list::comparing(|| backplane.clone(), Duration::from_millis(100));
    list::what_only_the_list_says_ends_sessions(&mut fleet, |fleet, entry| {
        with_faults(&backplane, lost(), || fleet.a.bouncer.revoke(entry));
    });
}

#[test]
fn a_restoration_that_only_the_list_has_counts() {
    let backplane = InProcessBackplane::new();
    let mut fleet = list::comparing(|| backplane.clone(), Duration::from_millis(100));
    list::what_only_the_list_restores_comes_in(&mut fleet, |fleet, subject| {
        with_faults(&backplane, lost(), || fleet.a.bouncer.restore(subject));
    });
}

#[test]
fn p06_a_log_that_was_trimmed_is_noticed_at_once() {
    let backplane = InProcessBackplane::new();
    let mut fleet = list::comparing(|| backplane.clone(), Duration::from_secs(3600));
    let trimmed = Faults {
        log_trimmed: true,
        ..Faults::default()
    };
    list::what_only_the_list_says_ends_sessions(&mut fleet, |fleet, entry| {
        with_faults(&backplane, trimmed, || fleet.a.bouncer.revoke(entry));
    });
}

#[test]
fn p06_the_handshake_reads_the_list_itself() {
    let backplane = InProcessBackplane::new();
    let way = backplane.own_way();
    let ways = std::cell::RefCell::new(vec![way.clone(), backplane]);
    let way_of_next = || ways.borrow_mut().pop().unwrap();
    let mut fleet = list::comparing(way_of_next, Duration::from_secs(3600));
    // B hears of nothing, and nothing says so.
    way.set_faults(Faults {
        log_lost: true,
        ..Faults::default()
    });
    block_on(
        fleet
            .a
            .bouncer
            .revoke(Revocation::user(user("player-1")).ban()),
    )
    .expect("stored");
    let refused = fleet.b.connect(&token("player-1")).err().unwrap();
    assert_eq!((refused.status, refused.error().as_str()), (403, "banned"));
    let preflight = format!(
        "GET /ws/preflight HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        token("player-1")
    );
    assert_eq!(fleet.b.raw(preflight).unwrap().status, 403);
    let (bouncer, credential) = (fleet.b.bouncer.clone(), Credential::new(token("player-1")));
    let ticket = fleet.during(move || block_on(bouncer.issue_ticket(&credential)));
    assert!(ticket.is_err());
    fleet.b.join("player-2");
}

#[test]
fn whom_others_have_restored_is_restored_also_where_the_log_says_nothing_of_the_revocation() {
    let backplane = InProcessBackplane::new();
    let way = backplane.own_way();
    let ways = std::cell::RefCell::new(vec![way.clone(), backplane]);
    let way_of_next = || ways.borrow_mut().pop().unwrap();
    let mut fleet = list::comparing(way_of_next, Duration::from_secs(3600));
    way.set_faults(Faults {
        log_delay: Duration::from_secs(3600),
        ..Faults::default()
    });
    block_on(fleet.b.bouncer.revoke(user("player-1"))).expect("stored");
    block_on(fleet.a.bouncer.restore(user("player-1"))).expect("stored");
    way.set_faults(Faults {
        log_trimmed: true,
        ..Faults::default()
    });
    fleet.until("restored", |fleet| {
        fleet.b.connect(&token("player-1")).is_ok()
    });
}

#[test]
fn p06_what_the_backplane_forgets_stays_barred() {
    let backplane = InProcessBackplane::new();
    let mut fleet = list::comparing(|| backplane.clone(), Duration::from_millis(100));
    let open = || backplane.clone();
    list::what_the_backplane_forgets_stays_barred(&mut fleet, open, || backplane.forget());
}

#[test]
fn p06_a_restoration_elsewhere_does_not_undo_what_cannot_be_stored() {
    let (mut fleet, backplane) = start(|_| {});
    let late = Faults {
        log_delay: Duration::from_millis(500),
        ..Faults::default()
    };
    let mut marker = fleet.a.join("player-2");
    backplane.set_faults(late.clone());
    for (number, decision) in [
        Decision::Restore(user("player-1").into()),
        Decision::Bar(user("player-2").into()),
    ]
    .into_iter()
    .enumerate()
    {
        let elsewhere =
            serde_json::json!({ "number": number, "node": "another", "decision": decision });
        let issue: Issue = serde_json::from_value(elsewhere).unwrap();
        block_on(backplane.issue(&issue)).expect("stored");
    }
    backplane.set_faults(Faults {
        decisions_fail: true,
        ..late
    });
    assert!(block_on(fleet.a.bouncer.revoke(user("player-1"))).is_err());
    assert_eq!(fleet.close_of(&mut marker).0, 4101, "A has heard of both");
    for _ in 0..5 {
        let answer = fleet.a.connect(&token("player-1")).err().expect("barred");
        assert_eq!(answer.status, 401);
    }
    backplane.set_faults(Faults::default());
    fleet.until("it is stored in the end", |fleet| {
        fleet.b.connect(&token("player-1")).is_err()
    });
}

#[test]
fn a_bad_option_is_named() {
    let door = || BouncerPlugin::bind(config(), authenticator()).unwrap();
    let mut options = ClusterOptions::default();
    options.frame_bytes = 0;
    let error = door()
        .cluster(InProcessBackplane::new(), options)
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("cluster.frame_bytes"),
        "{error}"
    );
    let both = door()
        .cluster(InProcessBackplane::new(), ClusterOptions::default())
        .unwrap()
        .revocations(MemoryRevocations);
    assert!(both.err().unwrap().to_string().starts_with("revocations"));
}

#[test]
fn p06_a_refresh_knows_what_other_nodes_decided() {
    let (mut fleet, backplane) = start(time::lasting);
    backplane.set_faults(late_and_twice());
    time::a_refresh_knows_what_other_nodes_decided(&mut fleet);
}

#[test]
fn a_lost_player_is_one_player_over_nodes() {
    let (mut fleet, _backplane) = start(time::lasting);
    time::who_is_lost_here_and_comes_back_elsewhere_is_one_player(&mut fleet);
    time::who_is_lost_here_and_revoked_elsewhere_is_gone(&mut fleet);
}

#[test]
fn a_lost_player_is_not_rejected_on_another_node() {
    let (mut fleet, _backplane) = start(|limits| {
        time::lasting(limits);
        limits.duplicate_login = DuplicateLogin::RejectNew;
    });
    time::who_is_lost_here_is_not_rejected_elsewhere(&mut fleet);
}

#[test]
fn a_drained_node_gives_its_players_away() {
    let (mut fleet, _backplane) = start(|limits| {
        limits.duplicate_login = DuplicateLogin::RejectNew;
    });
    time::a_drained_node_gives_its_players_away(&mut fleet);
}

#[test]
fn state_is_shared_between_nodes() {
    let (mut fleet, backplane) = start(|_| {});
    state::state_is_shared(&mut fleet);
    state::of_two_decisions_one_counts(&mut fleet);
    state::a_node_that_starts_later_has_the_state(&mut fleet, backplane);
}

#[test]
fn a_node_that_was_cut_off_writes_later_and_learns_what_it_missed() {
    let backplane = InProcessBackplane::new();
    let way = backplane.own_way();
    let mut fleet = Fleet {
        a: node(backplane.clone(), "a", |_| {}),
        b: node(way.clone(), "b", |_| {}),
    };
    let [a, b] = state::both(&mut fleet);
    a.put("gone", "x", None).unwrap();
    fleet.until("it has come", |_| b.get("gone").is_some());
    for fault in [
        Faults {
            silent: true,
            ..Faults::default()
        },
        Faults {
            unreachable: true,
            ..Faults::default()
        },
    ] {
        way.set_faults(fault);
        fleet.until("it is known", |_| !b.is_current());
        assert!(
            b.is_loaded() && a.is_current(),
            "it goes on with what it knows"
        );
        let asked = Instant::now();
        for number in 0..100 {
            b.put("mine", format!("{number}"), None).unwrap();
        }
        assert!(asked.elapsed() < Duration::from_millis(100), "nobody waits");
        assert_eq!(b.waiting(), 1, "the newest of each key");
        a.remove("gone").unwrap();
        a.put("both", "a", None).unwrap();
        let version = b.version("both");
        let refused = Some(format!("{version:?}").into());
        b.compare_and_put("both", version, refused.clone(), None)
            .unwrap();
        fleet.until("an attempt fails", |_| b.counters().failed > 0);
        state::heard(&mut fleet.b);
        way.set_faults(Faults::default());
        fleet.until("it is back", |_| b.is_current() && b.waiting() == 0);
        fleet.until("it has arrived", |_| a.get("mine").is_some());
        assert_eq!(a.get("mine").unwrap().value, "99");
        assert!(b.get("gone").is_none());
        assert_eq!(b.get("both").unwrap().value, "a");
        fleet.b.tick();
        let heard = state::heard(&mut fleet.b);
        let told = heard.iter().find(|change| &*change.key == "both").unwrap();
        assert_eq!(told.refused.as_ref().unwrap().value, refused);
        a.remove("both").unwrap();
        a.put("gone", "x", None).unwrap();
        fleet.until("it has come", |_| {
            b.get("gone").is_some() && b.get("both").is_none()
        });
    }
}

#[test]
fn p09_what_waits_for_the_backplane_has_a_limit() {
    let backplane = InProcessBackplane::new();
    let mut options = options("a");
    options.shared_entries = 2;
    let mut game = node_with(backplane.clone(), options, |_| {});
    let map = state::weather(&mut game);
    ready(&mut game);
    backplane.set_faults(Faults {
        silent: true,
        ..Faults::default()
    });
    for key in ["a", "b", "a"] {
        map.put(key, "x", None).unwrap();
    }
    assert_eq!(map.put("c", "x", None), Err(SharedStateError::Full));
    assert_eq!(map.waiting(), 2);
}

#[test]
fn who_is_in_twice_after_an_outage_leaves_by_the_policy() {
    for policy in [
        DuplicateLogin::KickOld,
        DuplicateLogin::TakeOver,
        DuplicateLogin::RejectNew,
        DuplicateLogin::Allow,
    ] {
        let backplane = InProcessBackplane::new();
        let way = backplane.own_way();
        let node = |backplane: &InProcessBackplane, name| {
            let mut options = options(name);
            options.seat_lifetime = Duration::from_millis(600);
            let mut game = node_with(backplane.clone(), options, |limits| {
                limits.duplicate_login = policy;
                limits.connections_per_user = 2;
            });
            ready(&mut game);
            game
        };
        let mut fleet = Fleet {
            a: node(&way, "a"),
            b: node(&backplane, "b"),
        };
        let online = fleet.b.app.world().resource::<Cluster>().clone();
        let forget = |fleet: &mut Fleet| {
            way.set_faults(Faults {
                unreachable: true,
                ..Faults::default()
            });
            let player = user("player-1");
            fleet.until("its seats are lost", |_| {
                !block_on(online.online(&player)).unwrap()
            });
        };
        let remember = || way.set_faults(Faults::default());
        seats::who_is_in_twice_leaves_by_the_policy(&mut fleet, policy, forget, remember);
    }
}
