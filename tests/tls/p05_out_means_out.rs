//! After `revoke()` returns, nothing more than one record that was sealed before it, and Close.

use std::{
    io::Read,
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;

use crate::{certificate::game, client::Offer, support::*};

#[test]
fn p05_a_revocation_needs_no_tick_and_ends_with_4101_in_time() {
    let (mut game, certificate) = game(|_| ());
    let offer = Offer::trusting([&certificate]);
    let mut ann = offer.join(&mut game, "player-1");
    let mut ben = offer.join(&mut game, "player-2");
    game.run(|mut outbox: Outbox| outbox.broadcast("before").unwrap());
    game.tick();
    assert_eq!(ann.hear(), Heard::Text("before".into()));

    game.run(|mut outbox: Outbox| outbox.broadcast("after").unwrap());
    let start = Instant::now();
    assert_eq!(game.bouncer.revoke(user("player-1")).cut(), 1);
    assert_eq!(ann.hear(), Heard::Closed(4101, "token_revoked".into()));
    game.tick();
    assert_eq!(game.entities(), 1, "gone one tick later");
    assert_eq!(ann.hear(), Heard::Lost, "and nothing after the Close");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(ben.hear(), Heard::Text("before".into()));
    assert_eq!(ben.hear(), Heard::Text("after".into()));
}

#[test]
fn p05_under_a_full_broadcast_nothing_sent_after_the_revocation_arrives() {
    let (mut game, certificate) = game(|_| ());
    let mut ann = Offer::trusting([&certificate]).join(&mut game, "player-1");
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
    };
    for _ in 0..50 {
        broadcast(&mut game);
    }
    drop(game.bouncer.revoke(user("player-1")));
    for _ in 0..50 {
        broadcast(&mut game);
    }
    let (last, code) = reader.join().unwrap();
    assert_eq!(code, 4101);
    assert!(last <= 250, "{last} was sent after the revocation");
}

#[test]
fn p05_a_player_who_stopped_reading_is_reset_in_time() {
    let (mut game, certificate) = game(|limits| {
        limits.outgoing_queue_bytes = 8 * 1024 * 1024;
        limits.outgoing_queue_messages = 10_000;
        limits.write_timeout = PATIENCE * 10;
        limits.close_timeout = PATIENCE * 10;
    });
    let mut deaf = Offer::trusting([&certificate]).deaf(&mut game, "player-1");
    // More than the kernel's buffers hold, so that a record is half written.
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
    let bouncer = game.bouncer.clone();
    game.until("the reset", |_| bouncer.occupied() == 0);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}");
    // What the kernel had is bounded, and the reset is an error at the end of it.
    let mut rest = Vec::new();
    assert!(deaf.sock.read_to_end(&mut rest).is_err(), "a reset");
    assert!(
        rest.len() < 1024 * 1024,
        "{} of 3 000 000 bytes",
        rest.len()
    );
}
