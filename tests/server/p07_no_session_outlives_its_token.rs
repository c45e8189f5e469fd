//! A live connection is closed at `exp`, plus grace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::*;

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// When the session of a token that ends at `exp` ended, in unix time.
fn end_of_session(game: &mut Game, exp: u64) -> Duration {
    let mut short = claims("player-1");
    short["exp"] = exp.into();
    let mut client = game.connect(&sign(&short)).unwrap();
    let (code, at) = game.during(move || (client.close_code(), now()));
    assert_eq!(code, 4100);
    at
}

#[test]
fn p07_a_session_ends_with_its_token() {
    let mut game = Game::start();
    let exp = unix_now() + 3;
    let ended = end_of_session(&mut game, exp);
    assert!(ended >= Duration::from_secs(exp), "not before");
    assert!(ended < Duration::from_secs(exp + 10), "{ended:?}");
    game.until("the despawn", |game| game.entities() == 0);
}

#[test]
fn p07_the_grace_is_kept_and_no_more() {
    let mut game = Game::limited(|limits| limits.expiry_grace = Duration::from_secs(2));
    let exp = unix_now() + 1;
    let ended = end_of_session(&mut game, exp);
    assert!(ended >= Duration::from_secs(exp + 2), "{ended:?}");
    game.until("the despawn", |game| game.entities() == 0);
}

#[test]
fn p07_also_when_the_client_does_nothing_and_the_game_does_not_tick() {
    let mut game = Game::start();
    let mut short = claims("player-1");
    short["exp"] = (unix_now() + 1).into();
    let mut client = game.connect(&sign(&short)).unwrap();
    assert_eq!(client.close_code(), 4100);
}
