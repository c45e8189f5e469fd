//! Everyone leaves exactly once, and says good-bye in the way of TLS.

use std::{
    io::{Read, Write},
    net::Shutdown,
};

use bevy_app::AppExit;
use bevy_bouncer::*;

use crate::{
    certificate::game,
    client::{Offer, TlsClient},
    support::*,
};

/// A player is in and ends it so: one `Disconnected` with this reason.
#[track_caller]
fn leaves_once(reason: DisconnectReason, end: impl FnOnce(&mut Game, &mut TlsClient)) {
    let (mut game, certificate) = game(|_| ());
    let mut client = Offer::trusting([&certificate]).join(&mut game, "player-1");
    let entity = game.entity_of("player-1");
    end(&mut game, &mut client);
    let bouncer = game.bouncer.clone();
    game.until("the end", |_| bouncer.occupied() == 0);
    (0..5).for_each(|_| game.tick());
    assert_eq!(game.seen().left, [(entity, reason)]);
    assert_eq!(game.entities(), 0);
}

#[test]
fn p04_a_close_of_the_client_is_answered_and_followed_by_close_notify() {
    leaves_once(DisconnectReason::ClientClosed, |game, client| {
        client.socket.close(None).unwrap();
        let bouncer = game.bouncer.clone();
        game.until("the close", |_| bouncer.occupied() == 0);
        assert!(matches!(client.hear(), Heard::Closed(..)));
        // Without a close_notify this would be an error.
        let mut rest = Vec::new();
        client.socket.get_mut().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    });
}

#[test]
fn p04_a_stream_that_is_cut_short_is_a_lost_connection() {
    leaves_once(DisconnectReason::ConnectionLost, |_, client| {
        client
            .socket
            .get_ref()
            .tcp()
            .shutdown(Shutdown::Write)
            .unwrap();
    });
}

#[test]
fn p04_in_the_middle_of_a_record_too() {
    leaves_once(DisconnectReason::ConnectionLost, |_, client| {
        let line = client.socket.get_mut();
        line.sock.write_all(&[23, 3, 3, 0, 100, 1, 2, 3]).unwrap();
        line.sock.shutdown(Shutdown::Write).unwrap();
    });
}

#[test]
fn p04_a_close_notify_without_a_close_is_a_lost_connection() {
    leaves_once(DisconnectReason::ConnectionLost, |_, client| {
        let line = client.socket.get_mut();
        line.conn.send_close_notify();
        line.conn.complete_io(&mut line.sock).unwrap();
    });
}

#[test]
fn p04_a_forged_record_ends_the_connection() {
    leaves_once(DisconnectReason::ConnectionLost, |_, client| {
        let line = client.socket.get_mut();
        let forged = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
        line.sock.write_all(&forged).unwrap();
    });
}

#[test]
fn p04_by_the_exit_of_the_app() {
    leaves_once(DisconnectReason::Shutdown, |game, client| {
        game.world().write_message(AppExit::Success);
        game.tick();
        assert_eq!(client.close_code(), 1001);
    });
}
