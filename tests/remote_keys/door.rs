//! What players notice at the door.

use std::time::{Duration, Instant};

use bevy_bouncer::{BouncerPlugin, JwtAuthenticator, MapDirectory, RemoteKeys, User};

use crate::{
    key::{key_set, new_key, old_key},
    key_server::{KeyServer, Reply, answer},
    support::{AUDIENCE, Game, ISSUER, config},
    verify::hasty,
};

fn open(server: &KeyServer) -> Game {
    let keys = RemoteKeys::jwks_url(&server.keys_url(), hasty()).unwrap();
    let players = MapDirectory::new([User::new("player-1", "Ann").unwrap()]);
    let tokens = JwtAuthenticator::remote(keys)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .users(players);
    Game::open(BouncerPlugin::bind(config(), tokens).unwrap())
}

#[test]
fn keys_are_fetched_when_the_door_opens() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let mut game = open(&server);
    game.until("the first fetch", |_| server.fetches() == 1);
    assert!(game.connect(&old_key().token()).is_ok());
    assert_eq!(server.fetches(), 1, "no player had to ask for it");
}

#[test]
fn p01_until_there_are_keys_everybody_gets_a_503() {
    let server = KeyServer::start();
    let mut game = open(&server);
    let Err(refusal) = game.connect(&old_key().token()) else {
        panic!("let in without a key")
    };
    assert_eq!(refusal.status, 503);
    assert_eq!(refusal.error(), "unavailable");
    assert_eq!(game.seen().arriving, 0);

    server.keys(key_set(&[&old_key()]));
    let deadline = Instant::now() + crate::support::PATIENCE;
    while game.connect(&old_key().token()).is_err() {
        assert!(Instant::now() < deadline, "the keys are never fetched");
    }
}

#[test]
fn a_player_with_a_new_key_waits_for_it_and_comes_in() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let mut game = open(&server);
    assert!(game.connect(&old_key().token()).is_ok());
    let good = answer("200 OK", "", &key_set(&[&new_key()]));
    server.reply("/keys", Reply::Late(Duration::from_millis(200), good));
    std::thread::sleep(Duration::from_millis(50));
    assert!(game.connect(&new_key().token()).is_ok());
    let Err(refusal) = game.connect(&old_key().token()) else {
        panic!("let in with a withdrawn key")
    };
    assert_eq!(
        (refusal.status, refusal.error()),
        (401, "unauthorized".to_owned())
    );
}
