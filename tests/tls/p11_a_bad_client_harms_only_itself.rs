//! Slow or wasteful over TLS: the others do not notice.

use std::{io::Write, thread, time::Duration};

use bevy_bouncer::*;

use crate::{certificate::game, client::Offer, support::*};

#[test]
fn p11_a_slow_reader_is_cut_and_the_others_go_on() {
    let (mut game, certificate) = game(|_| ());
    let offer = Offer::trusting([&certificate]);
    let _deaf = offer.deaf(&mut game, "player-10");
    let slow = game.entity_of("player-10");
    let mut good = offer.join(&mut game, "player-1");
    for round in 0..60 {
        let large = format!("{round}: {}", "x".repeat(20_000));
        let sent = large.clone();
        game.run(move |mut outbox: Outbox| outbox.broadcast(sent.clone()).unwrap());
        game.tick();
        assert!(good.hear() == Heard::Text(large), "round {round}");
    }
    game.until("the end of the slow one", |game| game.players() == 1);
    assert_eq!(game.seen().left, [(slow, DisconnectReason::SlowConsumer)]);
    let bouncer = game.bouncer.clone();
    game.until("its place", |_| bouncer.occupied() == 1);
}

/// One byte in each record: what the server has to open is paid for, not only what is in it.
#[test]
fn p11_records_cost_a_client_what_they_cost_the_server() {
    let (mut game, certificate) = game(|limits| {
        limits.inbound_bytes_per_second = 16 * 1024;
        limits.inbound_overload_timeout = Duration::from_secs(1);
    });
    let offer = Offer::trusting([&certificate]);
    let mut wasteful = offer.join(&mut game, "player-10");
    let entity = game.entity_of("player-10");
    let wasting = thread::spawn(move || {
        let line = wasteful.socket.get_mut();
        line.sock
            .set_write_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        // Within the budgets by its content: 4 000 bytes of one frame in a second, but 23 times that
        // much on the wire.
        let _ = line.write_all(&[0x82, 0xfe, 0xf0, 0, 0, 0, 0, 0]);
        for _ in 0..40_000 {
            if line.write_all(&[0]).is_err() && line.sock.peek(&mut [0]).is_ok() {
                return;
            }
            thread::sleep(Duration::from_micros(50));
        }
    });
    game.until("the cut", |game| !game.seen().left.is_empty());
    assert_eq!(game.seen().left, [(entity, DisconnectReason::RateLimited)]);
    wasting.join().unwrap();
}
