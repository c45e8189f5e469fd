//! How a drain ends: when everybody has left, at the deadline, or with the app.

use std::{
    io::{ErrorKind, Read},
    thread,
    time::{Duration, Instant},
};

use bevy_app::{App, AppExit, Update};
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::{
    Course, MILLI, SECOND, assert_report, come_back, endless_patience, finish, support::*,
    wait_until, watched,
};

#[test]
fn whoever_does_not_read_is_reset_at_the_deadline() {
    let mut game = Game::limited(endless_patience);
    let mut deaf = deaf_client(&mut game, "player-1");
    let mut silent = game.join("player-2");
    let mut good = game.join("player-3");
    let player = game.entity_of("player-1");
    game.run(move |mut outbox: Outbox| {
        for _ in 0..20 {
            outbox.send(player, vec![0; 10_000]).unwrap();
        }
    });
    game.tick();
    let begun = Instant::now();
    let draining = game.bouncer.drain(Drain::within(SECOND).batch(100));
    come_back(&game.during(move || good.hear()));
    let report = finish(&mut game, &draining);
    assert_report(report, 3, 1, 2);
    assert!((0.9..10.0).contains(&begun.elapsed().as_secs_f64()));
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
    watched(&mut game);
    let _silent = game.join("player-1");
    game.app.add_systems(Update, |bouncer: Res<Bouncer>| {
        let draining = bouncer.drain(Drain::within(Duration::ZERO).then_exit());
        wait_until(|| draining.is_finished());
    });
    // The players are told, and the app ends, in this one tick.
    game.tick();
    assert_eq!(game.app.should_exit(), Some(AppExit::Success));
    let course = game.app.world().resource::<Course>();
    assert_eq!((course.started.len(), course.gone_before), (1, 0));
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
