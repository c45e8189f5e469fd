//! Taking a server out of service: nobody new gets in, everybody is told when to come back, and whoever
//! does not go is reset at the deadline.

#[path = "support/mod.rs"]
mod support;

use std::{
    collections::HashSet,
    io::{ErrorKind, Read},
    net::TcpStream,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_app::{App, AppExit, Update};
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// What the game has seen, and when.
#[derive(Resource, Default)]
struct Course {
    started: Vec<DrainStarted>,
    left: Vec<Instant>,
    /// Players who had left when the drain was announced.
    gone_before: usize,
    ticks: usize,
}

/// Writes down the course of a drain, and says a last word to everybody.
fn watched(game: &mut Game) {
    game.app
        .init_resource::<Course>()
        .add_observer(
            |started: On<DrainStarted>, mut course: ResMut<Course>, mut outbox: Outbox| {
                course.gone_before = course.left.len();
                course.started.push(*started);
                outbox.broadcast("last call");
            },
        )
        .add_observer(|_: On<Disconnected>, mut course: ResMut<Course>| {
            course.left.push(Instant::now());
        })
        .add_systems(
            Update,
            (|mut course: ResMut<Course>| course.ticks += 1).run_if(is_draining),
        );
}

/// Players 0 to `count`, who joined in this order.
fn crowd(game: &mut Game, count: usize) -> Vec<Client> {
    let address = game.address;
    game.during(move || {
        let names = (0..count).map(|number| format!("player-{number}"));
        names
            .map(|name| Client::connect(address, &token(&name)).unwrap())
            .collect()
    })
}

/// The time in the words of a close, in milliseconds.
#[track_caller]
fn come_back(heard: &Heard) -> u128 {
    let Heard::Closed(4000, words) = heard else {
        panic!("not told to leave: {heard:?}");
    };
    assert!(words.len() <= 123);
    let time = words.strip_prefix("draining: come back in ").unwrap();
    time.strip_suffix(" ms").unwrap().parse().unwrap()
}

fn is_in(range: &RangeInclusive<Duration>, milliseconds: u128) -> bool {
    (range.start().as_millis()..=range.end().as_millis()).contains(&milliseconds)
}

/// Ticks until the drain is over.
#[track_caller]
fn finish(game: &mut Game, draining: &Draining) -> DrainReport {
    game.until("the end of the drain", |_| draining.is_finished());
    game.tick();
    block_on(async { draining.clone().await })
}

#[track_caller]
fn assert_report(report: DrainReport, told: usize, in_order: usize, aborted: usize) {
    let found = (report.told, report.in_order, report.aborted);
    assert_eq!(found, (told, in_order, aborted), "told, in order, aborted");
}

fn retry_after(answer: &Answer) -> u128 {
    assert_eq!((answer.status, answer.error().as_str()), (503, "draining"));
    answer.json()["retry_after_ms"].as_u64().unwrap().into()
}

#[test]
fn everybody_is_told_when_to_come_back_spread_over_three_quarters_of_the_deadline() {
    let mut game = Game::start();
    watched(&mut game);
    let clients = crowd(&mut game, 300);
    let range = SECOND..=9 * SECOND;
    let begun = Instant::now();
    let drain = Drain::within(4 * SECOND).come_back_in(range.clone());
    let draining = game.bouncer.drain(drain.batch(1));
    assert!(!game.bouncer.is_ready());
    let heard = game.during(|| {
        let hear = |mut client: Client| (client.hear(), client.hear());
        clients.into_iter().map(hear).collect::<Vec<_>>()
    });
    let report = finish(&mut game, &draining);
    assert!(begun.elapsed() < draining.deadline() - begun + SECOND / 2);
    assert_report(report, 300, 300, 0);

    let mut times = HashSet::new();
    for (last_call, close) in &heard {
        assert_eq!(*last_call, Heard::Text("last call".into()));
        let time = come_back(close);
        assert!(is_in(&range, time), "{time}");
        times.insert(time);
    }
    assert!(times.len() > 200, "{} different times", times.len());
    let (low, high) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*low < 2000 && *high > 8000, "{low} to {high}");

    assert_eq!(game.entities(), 0);
    let reasons: Vec<_> = game.seen().left.iter().map(|left| left.1).collect();
    assert_eq!(reasons, [DisconnectReason::Draining; 300]);
    let players: HashSet<_> = game.seen().left.iter().map(|left| left.0).collect();
    assert_eq!(players.len(), 300, "each once");
    let course = game.app.world().resource::<Course>();
    assert_eq!((course.started.len(), course.gone_before), (1, 0));
    assert_eq!(course.started[0].deadline, draining.deadline());
    assert!(course.ticks > 10, "the run condition holds meanwhile");
    let after = |place: usize| (course.left[place] - begun).as_secs_f64();
    assert!((0.5..2.5).contains(&after(150)), "half: {}", after(150));
    assert!((2.0..4.0).contains(&after(299)), "all: {}", after(299));
}

#[test]
fn a_few_players_do_not_hold_the_server_up() {
    let mut game = Game::start();
    let clients = crowd(&mut game, 5);
    let begun = Instant::now();
    let draining = game.bouncer.drain(Drain::default());
    game.during(|| {
        for mut client in clients {
            let time = come_back(&client.hear());
            assert!(is_in(&(SECOND..=10 * SECOND), time));
        }
    });
    assert_report(finish(&mut game, &draining), 5, 5, 0);
    assert!(begun.elapsed() < 10 * SECOND);
}

#[test]
fn p10_what_was_sent_before_arrives_before_the_close() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let player = game.entity_of("player-1");
    game.run(move |mut outbox: Outbox| {
        for number in 0..200 {
            assert!(outbox.send(player, format!("{number}")));
        }
    });
    let draining = game.bouncer.drain(Drain::default());
    let heard = game.during(move || {
        let messages: Vec<_> = (0..200).map(|_| client.hear()).collect();
        come_back(&client.hear());
        messages
    });
    for (number, message) in heard.into_iter().enumerate() {
        assert_eq!(message, Heard::Text(number.to_string()));
    }
    assert_report(finish(&mut game, &draining), 1, 1, 0);
}

#[test]
fn nobody_new_gets_in_and_everybody_hears_when_to_try_again() {
    let mut game = Game::limited(|limits| limits.close_timeout = 60 * SECOND);
    // This one does not answer its Close, so that the drain goes on.
    let mute = game.join("player-0");
    let range = 3 * SECOND..=8 * SECOND;
    let drain = Drain::within(60 * SECOND).come_back_in(range.clone());
    let draining = game.bouncer.drain(drain);
    let credential = format!("Authorization: Bearer {}", token("player-1"));
    let preflight =
        format!("GET /ws/preflight HTTP/1.1\r\nHost: localhost\r\n{credential}\r\n\r\n");
    let mut waits = HashSet::new();
    let upgrade = upgrade(&[&credential]);
    for number in 0..20 {
        let request = [&upgrade, &preflight][number % 2];
        let answer = game.raw(request.clone()).unwrap();
        let wait = retry_after(&answer);
        assert!(is_in(&range, wait), "{wait}");
        let seconds: u128 = answer.header("Retry-After").unwrap().parse().unwrap();
        assert_eq!(seconds, wait.div_ceil(1000));
        waits.insert(wait);
    }
    assert!(waits.len() > 10, "each hears a time of its own");
    let health = game.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(health.unwrap().status, 200);
    let ticket = block_on(
        game.bouncer
            .issue_ticket(&Credential::new(token("player-1"))),
    );
    assert_eq!(ticket.unwrap_err().kind(), RefusalKind::Draining);
    assert!(!draining.is_finished());
    assert_eq!(game.seen().joined.len(), 1);

    drop(mute);
    finish(&mut game, &draining);
    // Once nobody is left, the port is free.
    game.until("the closed listener", |game| {
        TcpStream::connect(game.address).is_err()
    });
}

#[test]
fn whoever_waits_for_the_game_is_refused() {
    let mut game = Game::start();
    let (address, bouncer) = (game.address, game.bouncer.clone());
    let waiting = thread::spawn(move || Client::connect(address, &token("player-1")));
    let deadline = Instant::now() + PATIENCE;
    while bouncer.occupied() == 0 {
        assert!(
            Instant::now() < deadline,
            "verified, but the game has not ticked"
        );
        thread::sleep(MILLI);
    }
    bouncer.drain(Drain::default());
    let answer = waiting.join().unwrap().err().unwrap();
    assert!(is_in(&(SECOND..=10 * SECOND), retry_after(&answer)));
    game.tick();
    assert_eq!((game.seen().joined.len(), game.seen().arriving), (0, 0));
}

#[test]
fn the_listener_can_close_before_the_players_have_left() {
    let mut game = Game::limited(|limits| limits.close_timeout = 60 * SECOND);
    let _mute = game.join("player-1");
    let drain = Drain::within(60 * SECOND).refuse_for(Duration::ZERO);
    let draining = game.bouncer.drain(drain);
    game.until("the closed listener", |game| {
        TcpStream::connect(game.address).is_err()
    });
    assert!(!draining.is_finished());
    let config = BouncerConfig::new(game.address.to_string());
    assert!(BouncerPlugin::bind(config, authenticator()).is_ok());
}

/// Nothing but the deadline ends anybody.
fn endless_patience(limits: &mut Limits) {
    limits.close_timeout = 60 * SECOND;
    limits.write_timeout = 60 * SECOND;
}

#[test]
fn whoever_does_not_read_is_reset_at_the_deadline() {
    let mut game = Game::limited(endless_patience);
    let mut deaf = deaf_client(&mut game, "player-1");
    let mut silent = game.join("player-2");
    let mut good = game.join("player-3");
    let player = game.entity_of("player-1");
    game.run(move |mut outbox: Outbox| {
        for _ in 0..20 {
            outbox.send(player, vec![0; 10_000]);
        }
    });
    game.tick();
    let begun = Instant::now();
    let draining = game.bouncer.drain(Drain::within(SECOND).batch(100));
    come_back(&game.during(move || good.hear()));
    let report = finish(&mut game, &draining);
    assert_report(report, 3, 1, 2);
    assert!((0.9..3.0).contains(&begun.elapsed().as_secs_f64()));
    game.until("free places", |game| game.bouncer.occupied() == 0);
    assert_eq!(game.seen().left.len(), 3);

    let mut buffer = vec![0; 64 * 1024];
    let end = loop {
        match deaf.read(&mut buffer) {
            Ok(count) if count > 0 => {}
            end => break end,
        }
    };
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    // The Close had room in this one's buffer.
    come_back(&silent.hear());
}

#[test]
fn a_game_that_does_not_tick_is_left_at_the_deadline_and_hears_of_it_later() {
    let mut game = Game::start();
    watched(&mut game);
    let mut client = game.join("player-1");
    let draining = game.bouncer.drain(Drain::within(SECOND / 2));
    let report = block_on(async { draining.await });
    assert_eq!((report.told, game.seen().left.len()), (1, 0));
    come_back(&client.hear());
    game.until("the despawn", |game| game.entities() == 0);
    assert_eq!(game.seen().left.len(), 1);
    let course = game.app.world().resource::<Course>();
    assert_eq!((course.started.len(), course.gone_before), (1, 0));
}

#[test]
fn a_second_drain_can_only_hurry() {
    let mut game = Game::limited(endless_patience);
    watched(&mut game);
    let _silent = game.join("player-1");
    let first = game.bouncer.drain(Drain::within(60 * SECOND));
    let planned = first.deadline();
    let longer = game.bouncer.drain(Drain::within(600 * SECOND));
    assert_eq!((first.deadline(), longer.deadline()), (planned, planned));
    game.until("the end of the player", |game| game.entities() == 0);
    let begun = Instant::now();
    let second = game.bouncer.drain(Drain::within(SECOND / 2));
    assert!(first.deadline() < planned);
    assert_eq!(first.deadline(), second.deadline());
    assert_report(finish(&mut game, &first), 1, 0, 1);
    assert!(begun.elapsed() < 10 * SECOND);
    assert!(second.is_finished());
    assert_report(second.report(), 1, 0, 1);
    let course = game.app.world().resource::<Course>();
    assert_eq!(course.started.len(), 1);
    // When it is over, there is nothing left to do.
    assert!(game.bouncer.drain(Drain::default()).is_finished());
    assert!(!game.bouncer.is_ready());
}

#[test]
fn an_empty_server_is_drained_at_once() {
    let mut game = Game::start();
    watched(&mut game);
    assert!(game.bouncer.draining().is_none());
    let begun = Instant::now();
    let draining = game.bouncer.drain(Drain::default());
    assert_report(block_on(async { draining.await }), 0, 0, 0);
    assert!(begun.elapsed() < 5 * SECOND);
    assert!(game.bouncer.draining().unwrap().is_finished());
    game.tick();
    let course = game.app.world().resource::<Course>();
    assert_eq!(course.started.len(), 1, "the game hears of it all the same");
    assert_eq!(game.app.should_exit(), None, "nobody asked for that");
}

#[test]
fn the_app_exits_when_everybody_has_left() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    game.bouncer.drain(Drain::default().then_exit());
    come_back(&game.during(move || client.hear()));
    let begun = Instant::now();
    game.until("the exit", |game| game.app.should_exit().is_some());
    assert!(begun.elapsed() < 10 * SECOND);
    assert_eq!(game.app.should_exit(), Some(AppExit::Success));
    let reasons: Vec<_> = game.seen().left.iter().map(|left| left.1).collect();
    assert_eq!(reasons, [DisconnectReason::Draining]);
}

#[test]
fn the_app_exits_at_the_deadline_with_the_drains_reason() {
    let mut game = Game::limited(endless_patience);
    let _silent = game.join("player-1");
    let begun = Instant::now();
    game.bouncer
        .drain(Drain::within(Duration::ZERO).then_exit());
    // Only one of these ticks may see the players and the end.
    thread::sleep(SECOND / 2);
    game.until("the exit", |game| game.app.should_exit().is_some());
    assert!(begun.elapsed() < 10 * SECOND);
    let reasons: Vec<_> = game.seen().left.iter().map(|left| left.1).collect();
    assert_eq!(reasons, [DisconnectReason::Draining]);
}

#[test]
fn an_exit_in_the_middle_ends_the_drain() {
    let mut game = Game::limited(|limits| limits.close_timeout = 60 * SECOND);
    let _silent = game.join("player-1");
    let draining = game.bouncer.drain(Drain::within(60 * SECOND));
    game.until("the good-bye", |game| game.entities() == 0);
    assert!(!draining.is_finished());
    game.world().write_message(AppExit::Success);
    game.tick();
    assert_report(block_on(async { draining.await }), 1, 0, 1);
}

#[test]
fn a_sleeping_game_wakes_up_to_drain() {
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let bouncer = door.bouncer();
    let hour = Duration::from_secs(3600);
    let game = thread::spawn(move || {
        let pace = WakingRunnerPlugin {
            shortest: MILLI,
            longest: hour,
        };
        App::new().add_plugins((door, pace)).run()
    });
    let address = bouncer.local_addr();
    let mut client = Client::connect(address, &token("player-1")).unwrap();
    bouncer.drain(Drain::default().then_exit());
    come_back(&client.hear());
    assert_eq!(game.join().unwrap(), AppExit::Success);
}

#[test]
fn p05_a_revocation_overtakes_a_drain() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    let draining = game.bouncer.drain(Drain::default());
    // The game learns of the drain; then the player is told, and before the next tick revoked.
    game.tick();
    let deadline = Instant::now() + PATIENCE;
    while draining.report().told == 0 {
        assert!(Instant::now() < deadline);
        thread::sleep(MILLI);
    }
    game.bouncer.revoke(user("player-1"));
    assert_eq!(client.hear(), Heard::Closed(4101, "token_revoked".into()));
    assert_eq!(finish(&mut game, &draining).told, 1);
    assert_eq!(game.seen().left, [(entity, DisconnectReason::Draining)]);
}

#[test]
fn p04_everyone_leaves_once_when_a_drain_a_revocation_and_a_kick_come_together() {
    const PLAYERS: usize = 12;
    for round in 0..10 {
        let mut game = Game::start();
        let despawned = Arc::new(AtomicUsize::new(0));
        let count = despawned.clone();
        game.app.add_observer(move |_: On<Remove, User>| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut clients = crowd(&mut game, PLAYERS);
        let draining = game.bouncer.drain(Drain::within(5 * SECOND).batch(2));
        let bouncer = game.bouncer.clone();
        let others = thread::spawn(move || {
            for number in 0..PLAYERS {
                let id = user(&format!("player-{number}"));
                match (number + round) % 3 {
                    0 => drop(bouncer.revoke(id)),
                    1 => _ = bouncer.kick(&id, None),
                    _ => {}
                }
                thread::sleep(10 * MILLI);
            }
        });
        let codes = game.during(move || {
            let codes = clients.iter_mut().map(Client::close_code);
            codes.collect::<Vec<_>>()
        });
        others.join().unwrap();
        let report = finish(&mut game, &draining);
        assert_eq!(report.told, report.in_order + report.aborted);
        for (number, code) in codes.into_iter().enumerate() {
            let expected: &[u16] = match (number + round) % 3 {
                0 => &[4101, 4000],
                1 => &[4004, 4000],
                _ => &[4000],
            };
            assert!(expected.contains(&code), "player-{number}: {code}");
        }
        let left = game.seen().left.clone();
        assert_eq!(left.len(), PLAYERS);
        let told = |(_, reason): &&(_, _)| *reason == DisconnectReason::Draining;
        assert_eq!(left.iter().filter(told).count(), report.told);
        let entities: HashSet<_> = left.iter().map(|left| left.0).collect();
        assert_eq!(entities.len(), PLAYERS);
        assert_eq!(despawned.load(Ordering::Relaxed), PLAYERS);
    }
}
