//! Two nodes over a real Redis server, which is stopped, killed and started again.

#[path = "cluster/fleet.rs"]
mod fleet;
#[path = "cluster/list.rs"]
mod list;
#[path = "cluster/list_as_store.rs"]
mod list_as_store;
#[path = "cluster/redis_list.rs"]
mod redis_list;
#[path = "cluster/seats.rs"]
mod seats;
#[path = "cluster/server.rs"]
mod server;
#[path = "cluster/state.rs"]
mod state;
#[path = "support/mod.rs"]
mod support;
#[path = "cluster/time.rs"]
mod time;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;
use fleet::*;
use server::Server;
use support::*;

fn backplane(server: &Server) -> RedisBackplane {
    RedisBackplane::open(&server.url()).unwrap()
}

fn start(change: impl Fn(&mut Limits)) -> Option<(Fleet, Server)> {
    let server = Server::start()?;
    let fleet = Fleet::new(|| backplane(&server), change);
    Some((fleet, server))
}

#[test]
fn p06_the_list_keeps_the_contract_of_stores() {
    let Some(server) = Server::start() else {
        return;
    };
    list_as_store::the_list_keeps_the_contract_of_stores(|| backplane(&server));
}

#[test]
fn p06_a_decision_holds_on_every_node() {
    let Some((mut fleet, server)) = start(|_| {}) else {
        return;
    };
    a_decision_holds_on_every_node(&mut fleet);
    every_kind_of_revocation_holds(&mut fleet);
    a_node_that_starts_later_knows_the_barred(&mut fleet, backplane(&server));
}

#[test]
fn p06_handshakes_race_revocations_over_nodes_and_nobody_survives() {
    let Some((mut fleet, _server)) = start(|_| {}) else {
        return;
    };
    handshakes_race_revocations_and_nobody_survives(&mut fleet, 150);
}

#[test]
fn p10_a_kick_that_is_too_old_hits_nobody() {
    let Some((mut fleet, server)) = start(|_| {}) else {
        return;
    };
    let stop = || server.signal("STOP");
    let go_on = || server.signal("CONT");
    a_kick_that_is_too_old_hits_nobody(&mut fleet, stop, go_on);
}

#[test]
fn a_login_on_another_node_replaces() {
    let Some((mut fleet, _server)) = start(|_| {}) else {
        return;
    };
    a_login_elsewhere_replaces(&mut fleet);
    of_many_logins_at_once_one_is_left(&mut fleet, 10);
}

#[test]
fn a_login_on_another_node_is_rejected() {
    let Some((mut fleet, _server)) = start(|limits| {
        limits.duplicate_login = DuplicateLogin::RejectNew;
    }) else {
        return;
    };
    a_login_elsewhere_is_rejected(&mut fleet);
}

#[test]
fn so_many_logins_are_allowed_over_all_nodes() {
    let Some((mut fleet, _server)) = start(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 3;
    }) else {
        return;
    };
    so_many_logins_are_allowed(&mut fleet);
}

#[test]
fn who_goes_back_and_forth_between_nodes_is_slowed_down() {
    let Some((mut fleet, _server)) = start(|limits| limits.replacements_per_minute = 2) else {
        return;
    };
    going_back_and_forth_is_slowed_down(&mut fleet);
}

#[test]
fn kicks_tickets_chat_and_presence_work_over_nodes() {
    let Some((mut fleet, _server)) = start(|_| {}) else {
        return;
    };
    a_kick_reaches_every_node(&mut fleet);
    a_ticket_is_good_once_on_any_node(&mut fleet, 10);
    who_is_online_is_known_everywhere(&mut fleet);
    chat_reaches_every_node(&mut fleet);
}

#[test]
fn p06_a_stopped_server_lets_nobody_in_and_everything_goes_on_afterwards() {
    let Some((mut fleet, server)) = start(|_| {}) else {
        return;
    };
    let mut inside = fleet.b.join("player-1");
    server.signal("STOP");
    let answer = fleet.b.connect(&token("player-2")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "unavailable")
    );
    fleet.until("it is known to be behind", |fleet| {
        !fleet.b.bouncer.is_ready()
    });
    assert_eq!(
        fleet.b.connect(&token("player-2")).err().unwrap().status,
        503
    );
    inside.send("still here");
    fleet.until("chat goes on here", |_| {
        matches!(inside.hear_within(Duration::from_millis(2)), Heard::Text(_))
    });
    let not_stored = fleet.a.bouncer.revoke(user("player-1"));
    assert!(fleet.during(move || block_on(not_stored)).is_err());
    server.signal("CONT");
    assert_eq!(
        fleet.close_of(&mut inside).0,
        4101,
        "it was stored in the end"
    );
    fleet.until("it has caught up", |fleet| fleet.b.bouncer.is_ready());
    assert_eq!(
        fleet.b.connect(&token("player-1")).err().unwrap().status,
        401
    );
    chat_reaches_every_node_but_the_barred(&mut fleet);
}

/// Chat between two who are not barred.
fn chat_reaches_every_node_but_the_barred(fleet: &mut Fleet) {
    block_on(fleet.a.bouncer.restore(user("player-1"))).expect("stored");
    fleet.until("restored", |fleet| {
        fleet.a.connect(&token("player-1")).is_ok()
    });
    chat_reaches_every_node(fleet);
}

/// Players come and go on both nodes and are revoked, while the server is stopped and killed. What was
/// acknowledged holds on both nodes afterwards.
#[test]
fn p06_no_acknowledged_revocation_is_lost_when_the_server_dies() {
    const USERS: usize = 400;
    let Some((mut fleet, mut server)) = start(|_| {}) else {
        return;
    };
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(100));
    let acknowledged = Arc::new(Mutex::new(HashMap::new()));
    let mut threads = Vec::new();
    for bouncer in [fleet.a.bouncer.clone(), fleet.b.bouncer.clone()] {
        let (stop, next, acknowledged) = (stop.clone(), next.clone(), acknowledged.clone());
        threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let name = format!("player-{}", 100 + number % USERS);
                let outcome = block_on(bouncer.revoke(user(&name)));
                let is_stored = outcome.is_ok();
                if is_stored {
                    acknowledged.lock().unwrap().insert(name, Instant::now());
                }
                thread::sleep(Duration::from_millis(if is_stored { 2 } else { 20 }));
            }
        }));
    }
    for address in [fleet.a.address, fleet.b.address] {
        let stop = stop.clone();
        threads.push(thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 7;
                let name = format!("player-{}", 100 + number % USERS);
                if let Ok(mut client) = Client::connect(address, &token(&name)) {
                    client.hear_within(Duration::from_millis(5));
                }
            }
        }));
    }
    let ticking = |fleet: &mut Fleet, time: Duration| {
        let until = Instant::now() + time;
        fleet.until("time passes", |_| Instant::now() > until);
    };
    // Some are acknowledged right before each fault, however slow the machine is.
    let known = acknowledged.clone();
    let more = move |fleet: &mut Fleet| {
        let before = known.lock().unwrap().len();
        fleet.until("more are acknowledged", |_| {
            known.lock().unwrap().len() >= before + 10
        });
    };
    more(&mut fleet);
    for _ in 0..2 {
        server.signal("STOP");
        ticking(&mut fleet, Duration::from_millis(800));
        server.signal("CONT");
        more(&mut fleet);
        server.kill();
        ticking(&mut fleet, Duration::from_millis(700));
        server.restart();
        fleet.until("both are back", |fleet| {
            fleet.a.bouncer.is_ready() && fleet.b.bouncer.is_ready()
        });
        more(&mut fleet);
    }
    drop(more);
    stop.store(true, Ordering::Relaxed);
    for one in threads {
        fleet.until("the load ends", |_| one.is_finished());
        one.join().unwrap();
    }
    fleet.until("both are current", |fleet| {
        fleet.a.bouncer.is_ready() && fleet.b.bouncer.is_ready()
    });
    catch_up(&mut fleet.a);
    catch_up(&mut fleet.b);
    let acknowledged = Arc::into_inner(acknowledged).unwrap().into_inner().unwrap();
    for game in [&mut fleet.a, &mut fleet.b] {
        game.tick();
        for player in game.bouncer.players() {
            let name = player.user.id().as_str();
            assert!(!acknowledged.contains_key(name), "{name} is in");
        }
    }
    // Also a node that knows only what Redis has kept.
    let mut fresh = node(backplane(&server), "fresh", |_| {});
    ready(&mut fresh);
    for name in acknowledged.keys() {
        for game in [&mut fleet.a, &mut fleet.b, &mut fresh] {
            let answer = game.connect(&token(name)).err().expect("barred");
            assert_eq!(answer.status, 401, "{name}");
        }
    }
    drop(fresh);
    chat_reaches_every_node(&mut fleet);
}

#[test]
fn p12_the_password_of_the_server_is_nowhere() {
    let url = "redis://:very-secret-password@127.0.0.1:1/";
    let backplane = RedisBackplane::open(url).unwrap();
    assert!(!format!("{backplane:?}").contains("very-secret"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime.block_on(backplane.tail()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("very-secret"));
    let error = RedisBackplane::open("http://:very-secret-password@host/").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("very-secret"));
}

#[test]
fn ended_entries_leave_the_shared_list() {
    let Some((mut fleet, server)) = start(|_| {}) else {
        return;
    };
    let short = Revocation::user(user("player-1")).until(unix_now() + 1);
    block_on(fleet.a.bouncer.revoke(short)).unwrap();
    block_on(fleet.a.bouncer.revoke(user("player-2"))).unwrap();
    thread::sleep(Duration::from_millis(1100));
    fleet.a.join("player-1");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let page = runtime.block_on(backplane(&server).list(None)).unwrap();
    let subjects: Vec<_> = page
        .subjects
        .into_iter()
        .map(|(subject, _)| subject)
        .collect();
    assert_eq!(subjects, [Subject::User(user("player-2"))]);
}

#[test]
fn p06_refresh_and_resume_hold_over_nodes() {
    let Some((mut fleet, _server)) = start(time::lasting) else {
        return;
    };
    time::a_refresh_knows_what_other_nodes_decided(&mut fleet);
    fleet.until("nobody is in", |fleet| fleet.b.entities() == 0);
    time::who_is_lost_here_and_comes_back_elsewhere_is_one_player(&mut fleet);
    time::who_is_lost_here_and_revoked_elsewhere_is_gone(&mut fleet);
}

#[test]
fn a_lost_player_is_not_rejected_elsewhere_and_a_drained_node_gives_its_players_away() {
    let Some((mut fleet, _server)) = start(|limits| {
        time::lasting(limits);
        limits.duplicate_login = DuplicateLogin::RejectNew;
    }) else {
        return;
    };
    time::who_is_lost_here_is_not_rejected_elsewhere(&mut fleet);
    time::a_drained_node_gives_its_players_away(&mut fleet);
}

#[test]
fn fleets_in_two_databases_or_with_two_prefixes_do_not_hear_each_other() {
    let Some(server) = Server::start() else {
        return;
    };
    let of = |url: String, prefix| {
        let backplane = RedisBackplane::open(&url).unwrap();
        backplane.key_prefix(prefix)
    };
    let mut production = Fleet::new(|| of(format!("{}0", server.url()), "game:"), |_| {});
    let mut staging = Fleet::new(|| of(format!("{}1", server.url()), "game:"), |_| {});
    let mut beside = Fleet::new(|| of(format!("{}0", server.url()), "beside:"), |_| {});
    chat_reaches_every_node(&mut staging);
    chat_reaches_every_node(&mut beside);
    let heard = |fleet: &mut Fleet| {
        fleet.a.tick();
        fleet.a.app.world().resource::<HeardFrames>().0.len()
    };
    let before = (heard(&mut staging), heard(&mut beside));
    assert_eq!(heard(&mut production), 0);
    chat_reaches_every_node(&mut production);
    assert_eq!((heard(&mut staging), heard(&mut beside)), before);
}

#[test]
fn state_is_shared_between_nodes() {
    let Some((mut fleet, server)) = start(|_| {}) else {
        return;
    };
    state::state_is_shared(&mut fleet);
    state::of_two_decisions_one_counts(&mut fleet);
    state::a_node_that_starts_later_has_the_state(&mut fleet, backplane(&server));
}

#[test]
fn state_outlives_a_server_that_is_stopped_killed_or_emptied() {
    let Some((mut fleet, mut server)) = start(|_| {}) else {
        return;
    };
    let [a, b] = state::both(&mut fleet);
    a.put("before", "x", None).unwrap();
    fleet.until("it has come", |_| b.get("before").is_some());
    server.signal("STOP");
    fleet.until("it is known", |_| !a.is_current() && !b.is_current());
    b.put("meanwhile", "x", None).unwrap();
    server.signal("CONT");
    fleet.until("it has come", |_| a.get("meanwhile").is_some());
    server.kill();
    a.remove("before").unwrap();
    server.restart();
    fleet.until("it is gone", |_| b.get("before").is_none());
    assert!(a.get("meanwhile").is_some() && b.get("meanwhile").is_some());

    // What the nodes know they give back, and who starts then has it.
    server.say("FLUSHALL");
    let late = node(backplane(&server), "late", |_| {});
    let mut late = Fleet {
        a: late,
        b: node(backplane(&server), "late, too", |_| {}),
    };
    let [late_a, late_b] = state::both(&mut late);
    for map in [&a, &b, &late_a, &late_b] {
        fleet.until("it is back", |_| map.get("meanwhile").is_some());
        assert!(map.get("before").is_none());
    }
}

/// Redis answers about shared state as the backplane within the process does.
#[test]
fn state_is_written_and_read_as_in_one_process() {
    let Some(server) = Server::start() else {
        return;
    };
    let (redis, here) = (backplane(&server), InProcessBackplane::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut random = 7;
    // The versions of one backplane, and those of the other.
    let mut versions = BTreeMap::from([(0, 0)]);
    let mut positions: [Option<StatePosition>; 2] = [None, None];
    let mut outcomes = [0; 3];
    for (entries, when_full) in [(3, WhenFull::Refuse), (3, WhenFull::ForgetOldest)] {
        let map = StateMap {
            name: format!("{when_full:?}").into(),
            entries,
            when_full,
        };
        for number in 0..300 {
            let known: Vec<u64> = versions.keys().copied().collect();
            let based_on = known[pick(&mut random, known.len() as u64) as usize];
            let condition = pick(&mut random, 3);
            let write = |number_here: u64| StateWrite {
                id: number,
                key: format!("key {}", number % 5).into(),
                value: (number % 7 > 0).then(|| format!("{number}").into()),
                lifetime: (number % 3 == 0).then_some(Duration::from_secs(600)),
                condition: match condition {
                    0 => StateCondition::Version(number_here),
                    1 => StateCondition::DecidedBefore(number_here),
                    _ => StateCondition::None,
                },
            };
            let there = [write(versions[&based_on])];
            let there = runtime.block_on(redis.write_state(&map, &there)).unwrap();
            let expected = [write(based_on)];
            let expected = runtime.block_on(here.write_state(&map, &expected)).unwrap();
            match (&there[0], &expected[0]) {
                (
                    StateWritten::Taken { version, .. },
                    StateWritten::Taken { version: here, .. },
                ) => {
                    versions.insert(*here, *version);
                    outcomes[0] += 1;
                }
                (StateWritten::Conflict(there), StateWritten::Conflict(here)) => {
                    let value =
                        |entry: &Option<StateEntry>| entry.as_ref().map(|it| it.value.clone());
                    assert_eq!(value(there), value(here), "{number}");
                    outcomes[1] += 1;
                }
                (StateWritten::Full, StateWritten::Full) => outcomes[2] += 1,
                other => panic!("{number}: {other:?}"),
            }
            if pick(&mut random, 3) > 0 {
                continue;
            }
            let there = runtime
                .block_on(redis.read_state(&map.name, positions[0]))
                .unwrap();
            let expected = runtime
                .block_on(here.read_state(&map.name, positions[1]))
                .unwrap();
            positions = [Some(there.position), Some(expected.position)];
            assert_eq!(
                (there.whole, there.complete),
                (expected.whole, expected.complete)
            );
            let shown = |changes: &StateChanges| -> Vec<_> {
                let entries = changes.entries.iter();
                entries
                    .map(|it| {
                        (
                            it.id,
                            it.key.clone(),
                            it.value.clone(),
                            it.left.is_some() && it.value.is_some(),
                        )
                    })
                    .collect()
            };
            assert_eq!(shown(&there), shown(&expected), "{number}, {}", there.whole);
        }
        positions = [None, None];
        versions = BTreeMap::from([(0, 0)]);
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}

#[test]
fn who_is_in_twice_after_an_outage_leaves_by_the_policy() {
    let Some(server) = Server::start() else {
        return;
    };
    for policy in [
        DuplicateLogin::KickOld,
        DuplicateLogin::TakeOver,
        DuplicateLogin::RejectNew,
        DuplicateLogin::Allow,
    ] {
        let node = |name| {
            let mut options = options(name);
            options.seat_lifetime = Duration::from_secs(3);
            let backplane = backplane(&server).key_prefix(&format!("{policy:?}:"));
            let mut game = node_with(backplane, options, |limits| {
                limits.duplicate_login = policy;
                limits.connections_per_user = 2;
            });
            ready(&mut game);
            game
        };
        let mut fleet = Fleet {
            a: node("a"),
            b: node("b"),
        };
        // As if they had ended while the node was away.
        let forget = |_: &mut Fleet| {
            for kind in ["seats", "since"] {
                server.say(&format!("DEL {policy:?}:{kind}:player-1"));
            }
        };
        seats::who_is_in_twice_leaves_by_the_policy(&mut fleet, policy, forget, || {});
    }
}

/// One of `count` numbers; the same ones in each run.
fn pick(state: &mut u64, count: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state >> 33) % count
}

/// The script in Redis decides about logins as the crate's one policy does, which answers in the process.
#[test]
fn claims_are_answered_as_in_one_process() {
    let Some(server) = Server::start() else {
        return;
    };
    let (redis, here) = (backplane(&server), InProcessBackplane::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut random = 1;
    let mut outcomes = [0; 3];
    for policy in [
        DuplicateLogin::KickOld,
        DuplicateLogin::TakeOver,
        DuplicateLogin::RejectNew,
        DuplicateLogin::Allow,
    ] {
        for number in 0..150 {
            let user = UserId::new(format!("{policy:?}-{}", pick(&mut random, 3))).unwrap();
            let node = format!("\"node-{}\"", pick(&mut random, 3));
            let seat = Seat {
                node: serde_json::from_str(&node).unwrap(),
                connection: serde_json::from_str(&format!("{}", pick(&mut random, 4))).unwrap(),
                user: user.clone(),
            };
            if pick(&mut random, 4) == 0 {
                let seats = [HeldSeat {
                    seat,
                    age: Duration::from_secs(pick(&mut random, 300)),
                }];
                let lifetime = Duration::from_secs(600);
                let there = runtime.block_on(redis.renew(&seats, lifetime)).unwrap();
                let expected = runtime.block_on(here.renew(&seats, lifetime)).unwrap();
                assert_eq!(there, expected, "{number}");
                continue;
            }
            if pick(&mut random, 4) == 0 {
                let seats = [seat];
                runtime.block_on(redis.release(&seats)).unwrap();
                runtime.block_on(here.release(&seats)).unwrap();
                continue;
            }
            let claim = Claim {
                seat,
                policy,
                sessions: if policy == DuplicateLogin::Allow {
                    3
                } else {
                    1
                },
                held_here: 1 + pick(&mut random, 2) as usize,
                replacements_per_minute: 8,
                entered: pick(&mut random, 2) == 0,
                lifetime: Duration::from_secs(600),
            };
            let there = runtime.block_on(redis.claim(&claim)).unwrap();
            let expected = runtime.block_on(here.claim(&claim)).unwrap();
            match (there, expected) {
                (Claimed::TooOften(there), Claimed::TooOften(expected)) => {
                    outcomes[2] += 1;
                    assert!(there.abs_diff(expected) < Duration::from_secs(5));
                }
                _ => {
                    outcomes[usize::from(there == Claimed::Full)] += 1;
                    assert_eq!(there, expected, "{number}: {claim:?}");
                }
            }
            let sessions = runtime.block_on(redis.sessions_of(&user)).unwrap();
            let expected = runtime.block_on(here.sessions_of(&user)).unwrap();
            assert_eq!(sessions, expected, "{number}: {claim:?}");
        }
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}
