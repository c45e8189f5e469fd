//! A session goes on with another token of its user, and only with that.

use std::time::Duration;

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::support::*;

/// A token with another name and end.
fn token_until(user: &str, id: &str, seconds: u64) -> String {
    let mut claims = claims(user);
    claims["jti"] = json!(id);
    claims["exp"] = json!(unix_now() + seconds);
    sign(&claims)
}

fn game() -> Game {
    Game::limited(|limits| limits.refresh_pause = Duration::ZERO)
}

#[derive(Resource, Default)]
struct Told {
    expiring: Vec<(Entity, u64)>,
    refreshed: Vec<Refreshed>,
}

/// A game that writes down what it is told.
fn told(mut game: Game) -> Game {
    game.app
        .init_resource::<Told>()
        .add_observer(|expiring: On<TokenExpiring>, mut told: ResMut<Told>| {
            told.expiring.push((expiring.entity, expiring.ends_at));
        })
        .add_observer(|refreshed: On<Refreshed>, mut told: ResMut<Told>| {
            told.refreshed.push(refreshed.event().clone());
        });
    game
}

fn refresh(game: &mut Game, token: &str) -> Result<Option<u64>, Refusal> {
    let connection = game.bouncer.players()[0].connection;
    block_on(
        game.bouncer
            .refresh(connection, &Credential::new(token.to_owned())),
    )
}

#[test]
fn p07_a_session_ends_with_its_new_token() {
    let mut game = game();
    let mut player = game.connect(&token_until("player-1", "one", 3)).unwrap();
    let end = unix_now() + 8;
    let given = refresh(&mut game, &token_until("player-1", "two", 8));
    assert!(given.is_ok_and(|at| at.is_some_and(|at| at.abs_diff(end) <= 1)));
    assert_eq!(player.hear_within(Duration::from_secs(4)), Heard::Nothing);
    assert_eq!(player.close_code(), 4100);
    assert!(unix_now() >= end - 1, "not before its time");
    game.until("the entity is gone", |game| game.entities() == 0);
    let [(_, reason)] = game.seen().left[..] else {
        panic!("{:?}", game.seen().left)
    };
    assert_eq!(reason, DisconnectReason::TokenExpired);
}

#[test]
fn the_token_before_may_be_revoked_and_the_new_one_ends_the_session() {
    let mut game = game();
    let mut player = game.connect(&token_until("player-1", "one", 60)).unwrap();
    for _ in 0..2 {
        // The second time changes nothing.
        assert!(refresh(&mut game, &token_until("player-1", "two", 60)).is_ok());
    }
    assert_eq!(game.bouncer.revoke(Revocation::token("one")).cut(), 0);
    player.settle();
    assert_eq!(game.players(), 1);
    assert_eq!(game.bouncer.revoke(Revocation::token("two")).cut(), 1);
    assert_eq!(player.close_code(), 4101);
}

#[test]
fn p06_a_revoked_or_bad_token_does_not_refresh_and_the_session_keeps_its_own() {
    let mut game = game();
    let mut player = game.connect(&token_until("player-1", "one", 60)).unwrap();
    drop(game.bouncer.revoke(Revocation::token("two")));
    let forged = {
        let mut token = token_until("player-1", "three", 60);
        token.truncate(token.len() - 2);
        token + "AA"
    };
    let expired = {
        let mut claims = claims("player-1");
        claims["exp"] = json!(unix_now() - 100);
        sign(&claims)
    };
    for bad in [
        token_until("player-1", "two", 60),
        forged,
        expired,
        String::new(),
    ] {
        let refusal = refresh(&mut game, &bad).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unauthorized);
    }
    player.settle();
    assert_eq!(game.bouncer.revoke(Revocation::token("one")).cut(), 1);
    assert_eq!(player.close_code(), 4101);
}

#[test]
fn p03_the_token_of_another_user_ends_the_session() {
    let mut game = game();
    let mut player = game.join("player-1");
    let refused = refresh(&mut game, &token("player-2")).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::Unauthorized);
    assert_eq!(player.close_code(), 4410);
    game.until("the entity is gone", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::RefreshUserMismatch);
}

#[test]
fn p09_tokens_that_come_too_fast_have_to_wait() {
    let mut game = Game::limited(|limits| limits.refresh_pause = Duration::from_secs(60));
    let mut player = game.join("player-1");
    assert!(refresh(&mut game, &token("player-1")).is_ok());
    let refusal = refresh(&mut game, &token("player-1")).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::TooManyAttempts);
    let wait = refusal.retry_delay().unwrap();
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60));
    player.settle();
}

#[test]
fn a_session_that_has_ended_cannot_be_refreshed() {
    let mut game = game();
    let mut player = game.join("player-1");
    let connection = game.bouncer.players()[0].connection;
    drop(game.bouncer.revoke(Revocation::user(user("player-1"))));
    assert_eq!(player.close_code(), 4101);
    drop(game.bouncer.restore(user("player-1")));
    let given = Credential::new(token("player-1"));
    let refused = block_on(game.bouncer.refresh(connection, &given)).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::Unauthorized);
    game.until("the entity is gone", |game| game.entities() == 0);
}

#[test]
fn the_game_is_warned_and_asks_in_its_own_words() {
    let mut game = told(Game::limited(|limits| {
        limits.expiry_warning = Duration::from_secs(3600);
    }));
    // Not before half of its time is over.
    let end = unix_now() + 8;
    let player = game.connect(&token_until("player-1", "one", 8)).unwrap();
    let entity = game.entity_of("player-1");
    game.until("the warning", |game| {
        !game.app.world().resource::<Told>().expiring.is_empty()
    });
    let (warned, ends_at) = game.app.world().resource::<Told>().expiring[0];
    assert_eq!(warned, entity);
    assert!(ends_at.abs_diff(end) <= 1);
    assert!(unix_now() >= end - 5, "not at once");

    let long = token_until("player-1", "two", 7200);
    let token = Credential::new(long);
    game.command(entity, |player| _ = player.refresh(token));
    game.until("the answer", |game| {
        !game.app.world().resource::<Told>().refreshed.is_empty()
    });
    let told = game.app.world().resource::<Told>();
    assert_eq!(told.refreshed[0].entity, entity);
    assert!(
        told.refreshed[0]
            .result
            .as_ref()
            .is_ok_and(|at| at.is_some())
    );
    assert_eq!(told.expiring.len(), 1, "once for each token");
    drop(player);
}

#[test]
fn a_bad_token_by_the_game_is_told_as_refused() {
    let mut game = told(game());
    let _player = game.join("player-1");
    let entity = game.entity_of("player-1");
    let token = Credential::new("nonsense");
    game.command(entity, |player| _ = player.refresh(token));
    game.until("the answer", |game| {
        !game.app.world().resource::<Told>().refreshed.is_empty()
    });
    let told = game.app.world().resource::<Told>();
    let refusal = told.refreshed[0].result.as_ref().unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Unauthorized);
    assert_eq!(game.players(), 1);
}

#[test]
fn p07_no_token_makes_a_session_last_longer_than_the_longest() {
    let mut game = Game::limited(|limits| {
        limits.refresh_pause = Duration::ZERO;
        limits.longest_session = Duration::from_secs(2);
    });
    let mut player = game.join("player-1");
    assert!(refresh(&mut game, &token("player-1")).is_ok());
    assert_eq!(player.close_code(), 4100);
    game.until("the entity is gone", |game| game.entities() == 0);
}
