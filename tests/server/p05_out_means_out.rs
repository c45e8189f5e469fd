//! After `revoke()` returns, no further frame but Close is written to any connection of that identity.

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;

use crate::support::*;

#[test]
fn p05_what_is_queued_is_discarded_and_the_cut_needs_no_tick() {
    let mut game = Game::start();
    let mut ann = game.join("player-1");
    let mut ben = game.join("player-2");
    game.run(|mut outbox: Outbox| outbox.broadcast("before").unwrap());
    game.tick();
    assert_eq!(ann.hear(), Heard::Text("before".into()));
    game.run(|mut outbox: Outbox| outbox.broadcast("after").unwrap());
    let receipt = game.bouncer.revoke(user("player-1"));
    assert_eq!(receipt.cut(), 1);
    // No tick since the revocation.
    assert_eq!(ann.hear(), Heard::Closed(4101, "token_revoked".into()));
    game.tick();
    assert_eq!(ben.hear(), Heard::Text("before".into()));
    assert_eq!(ben.hear(), Heard::Text("after".into()));
    assert_eq!(ann.hear(), Heard::Lost, "and nothing after the Close");
}

#[test]
fn p05_the_entity_leaves_in_the_tick_of_the_revocation() {
    use bevy_ecs::prelude::*;
    let mut game = Game::start();
    let _ann = game.join("player-1");
    game.app
        .add_systems(bevy_app::Update, |mut commands: Commands| {
            commands.revoke(UserId::new("player-1").unwrap());
        });
    game.tick();
    assert_eq!(game.entities(), 0);
    assert_eq!(game.seen().left.len(), 1);
}

#[test]
fn p05_under_a_full_broadcast_nothing_sent_after_the_revocation_arrives() {
    let mut game = Game::start();
    let mut ann = game.join("player-1");
    let reader = thread::spawn(move || {
        let mut last = 0;
        loop {
            match ann.hear() {
                Heard::Text(text) => last = text.parse().unwrap(),
                Heard::Closed(code, _) => return (last, code),
                other => panic!("{other:?}"),
            }
        }
    });
    let mut number = 0_u64;
    let mut broadcast = |game: &mut Game| {
        for _ in 0..5 {
            number += 1;
            let text = number.to_string();
            game.run(move |mut outbox: Outbox| outbox.broadcast(text.clone()).unwrap());
        }
        game.tick();
        number
    };
    for _ in 0..50 {
        broadcast(&mut game);
    }
    drop(game.bouncer.revoke(user("player-1")));
    let sent_before = 250;
    for _ in 0..50 {
        broadcast(&mut game);
    }
    let (last, code) = reader.join().unwrap();
    assert_eq!(code, 4101);
    assert!(last <= sent_before, "{last} was sent after the revocation");
}

#[test]
fn p05_a_player_who_stopped_reading_is_gone_in_time() {
    let mut game = Game::limited(|limits| {
        limits.outgoing_queue_bytes = 8 * 1024 * 1024;
        limits.outgoing_queue_messages = 10_000;
        limits.outbox_bytes = 64 * 1024 * 1024;
        limits.write_timeout = Duration::from_secs(60);
    });
    let mut deaf = deaf_client(&mut game, "player-1");
    // More than the kernel's buffers hold, so that a frame is half written.
    for _ in 0..50 {
        game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(60_000)).unwrap());
        game.tick();
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!(game.players(), 1, "slow, but within its limits");

    let start = Instant::now();
    assert_eq!(game.bouncer.revoke(user("player-1")).cut(), 1);
    game.tick();
    assert_eq!(game.entities(), 0, "gone one tick later at most");
    // The socket is reset although the client never reads: the place is free again.
    let bouncer = game.bouncer.clone();
    game.until("the reset", |_| bouncer.occupied() == 0);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}");
    // What the kernel had is bounded, and the reset is an error at the end of it.
    let mut rest = Vec::new();
    deaf.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = deaf.read_to_end(&mut rest);
    assert!(end.is_err(), "a reset, not an orderly end");
    assert!(rest.len() < 1024 * 1024, "{} bytes", rest.len());
}

#[test]
fn p05_every_session_of_an_identity_is_cut_by_user_token_session_or_all() {
    let mut game = Game::limited(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 3;
    });
    let token_named = |user: &str, id: &str| {
        let mut claims = claims(user);
        claims["jti"] = id.into();
        sign(&claims)
    };
    let mut first = game.connect(&token_named("player-1", "a")).unwrap();
    let mut second = game.connect(&token_named("player-1", "b")).unwrap();
    let mut other = game.connect(&token_named("player-2", "c")).unwrap();
    assert_eq!(game.bouncer.revoke(Revocation::token("a")).cut(), 1);
    assert_eq!(first.close_code(), 4101);
    let answer = game.connect(&token_named("player-1", "a")).err().unwrap();
    assert_eq!(answer.status, 401);

    let id = game
        .bouncer
        .players()
        .iter()
        .find(|player| player.user.id().as_str() == "player-1")
        .unwrap()
        .connection;
    assert_eq!(
        game.bouncer
            .revoke(Revocation::new(Subject::Session(id)))
            .cut(),
        1
    );
    assert_eq!(second.close_code(), 4101);
    let mut again = game
        .connect(&token_named("player-1", "b"))
        .expect("only the session was cut");

    let everyone = Revocation::new(Subject::Everyone).issued_before(unix_now());
    assert_eq!(game.bouncer.revoke(everyone).cut(), 2);
    assert_eq!(again.close_code(), 4101);
    assert_eq!(other.close_code(), 4101);
}

#[test]
fn p05_a_revocation_overtakes_a_kick_without_a_tick() {
    let mut game = Game::start();
    let mut ann = game.join("player-1");
    assert_eq!(game.bouncer.kick(&user("player-1"), None), 1);
    drop(game.bouncer.revoke(user("player-1")));
    assert_eq!(ann.hear(), Heard::Closed(4101, "token_revoked".into()));
}

#[test]
fn p05_a_revocation_overtakes_what_a_polite_good_bye_still_has_to_write() {
    let mut game = Game::limited(|limits| {
        limits.outgoing_queue_bytes = 8 * 1024 * 1024;
        limits.outgoing_queue_messages = 10_000;
        limits.write_timeout = PATIENCE * 10;
        limits.close_timeout = PATIENCE * 10;
    });
    let mut deaf = deaf_client(&mut game, "player-1");
    for _ in 0..50 {
        game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(60_000)).unwrap());
        game.tick();
    }
    let entity = game.entity_of("player-1");
    game.disconnect(entity, DisconnectReason::Kicked);
    game.tick();
    drop(game.bouncer.revoke(user("player-1")));
    game.until("the reset", |game| game.bouncer.occupied() == 0);
    let mut rest = Vec::new();
    deaf.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(deaf.read_to_end(&mut rest).is_err(), "a reset");
    assert!(
        rest.len() < 1024 * 1024,
        "{} of 3 000 000 bytes",
        rest.len()
    );
}

/// Somebody who broke the protocol still hears what the game answers to what came before, but not
/// after a revocation.
#[test]
fn p05_also_while_a_broken_session_waits_for_its_answers() {
    let mut game = Game::limited(|limits| limits.close_timeout = PATIENCE * 10);
    let mut client = game.join("player-1");
    client.send("before");
    client.settle();
    client.socket.get_mut().write_all(&[0xff, 0xff]).unwrap();
    // No tick has answered yet.
    assert_eq!(
        client.hear_within(Duration::from_millis(300)),
        Heard::Nothing
    );
    drop(game.bouncer.revoke(user("player-1")));
    assert_eq!(client.close_code(), 4101);
    game.until("the despawn", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::ProtocolError);
}
