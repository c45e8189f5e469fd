//! How players leave a server that drains.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::{
    Course, MILLI, SECOND, assert_report, come_back, crowd, finish, is_in, support::*, wait_until,
    watched,
};

#[test]
fn everybody_is_told_when_to_come_back_spread_over_three_quarters_of_the_deadline() {
    let mut game = Game::start();
    watched(&mut game);
    let clients = crowd(&mut game, 300);
    let range = SECOND..=9 * SECOND;
    let begun = Instant::now();
    let drain = Drain::within(8 * SECOND).come_back_in(range.clone());
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
    assert!((1.0..5.0).contains(&after(150)), "half: {}", after(150));
    assert!((4.0..8.0).contains(&after(299)), "all: {}", after(299));
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
            outbox.send(player, format!("{number}")).unwrap();
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
fn p05_a_revocation_overtakes_a_drain() {
    // On a busy machine the drain's close is on its way before the revocation comes: then that one counts.
    const TRIES: usize = 20;
    let overtook = (0..TRIES).any(|_| {
        let mut game = Game::start();
        let mut client = game.join("player-1");
        let entity = game.entity_of("player-1");
        let draining = game.bouncer.drain(Drain::default());
        // The game learns of the drain; then the player is told, and before the next tick revoked.
        game.tick();
        wait_until(|| draining.report().told == 1);
        drop(game.bouncer.revoke(user("player-1")));
        let heard = client.hear();
        assert_eq!(finish(&mut game, &draining).told, 1);
        assert_eq!(game.seen().left, [(entity, DisconnectReason::Draining)]);
        let Heard::Closed(code, reason) = heard else {
            panic!("{heard:?}");
        };
        assert!(
            [(4101, "token_revoked"), (4000, "draining")]
                .iter()
                .any(|(expected, words)| code == *expected && reason.starts_with(words)),
            "{code} {reason}"
        );
        code == 4101
    });
    assert!(overtook);
}

#[test]
fn p04_everyone_leaves_once_when_a_drain_a_revocation_and_a_kick_come_together() {
    const PLAYERS: usize = 12;
    for round in 0..10 {
        let mut game = Game::start();
        let despawned = Arc::new(AtomicUsize::new(0));
        let count = despawned.clone();
        game.app.add_observer(move |_: On<Remove<User>>| {
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

#[test]
fn who_is_away_leaves_with_the_others() {
    let mut game = Game::limited(|limits| limits.resume_window = 3600 * SECOND);
    watched(&mut game);
    let client = game.join("player-away");
    let entity = game.entity_of("player-away");
    drop(client.socket.get_ref().shutdown(std::net::Shutdown::Both));
    drop(client);
    game.until("the link is lost", |game| {
        !game.bouncer.players()[0].is_connected
    });
    let draining = game.bouncer.drain(Drain::within(2 * SECOND));
    game.until("the drain is over", |_| draining.is_finished());
    game.until("the entity is gone", |game| game.entities() == 0);
    assert_eq!(game.seen().left, [(entity, DisconnectReason::Draining)]);
    let report = draining.report();
    assert_eq!((report.told, report.aborted), (1, 1));
}
