//! At the door of a server that drains.

use std::{collections::HashSet, net::TcpStream, time::Duration};

use bevy_bouncer::*;

use crate::{SECOND, finish, is_in, retry_after, somebody_waiting, support::*};

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
    let waiting = somebody_waiting(&game);
    game.bouncer.drain(Drain::default());
    let answer = waiting.join().unwrap().err().unwrap();
    assert!(is_in(&(SECOND..=10 * SECOND), retry_after(&answer)));
    game.tick();
    assert_eq!((game.seen().joined.len(), game.seen().arriving), (0, 0));
}

#[test]
fn the_game_does_not_even_see_those_who_wait() {
    let mut game = Game::start();
    let waiting = somebody_waiting(&game);
    // So the game is the first to act.
    let standstill = game.network_stands_still();
    game.bouncer.drain(Drain::default());
    game.tick();
    drop(standstill);
    assert_eq!((game.seen().joined.len(), game.seen().arriving), (0, 0));
    let answer = waiting.join().unwrap().err().unwrap();
    assert!(is_in(&(SECOND..=10 * SECOND), retry_after(&answer)));
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
