//! What an admitted player can rely on.

use std::{io::Write, time::Duration};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::*;

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        outbox.send(frame.entity, frame.payload.clone()).unwrap();
    }
}

#[test]
fn text_and_binary_of_every_length_come_back_as_they_were() {
    let mut game = Game::start();
    game.app.add_systems(bevy_app::Update, echo);
    let mut client = game.join("player-1");
    game.during(move || {
        for length in [0, 1, 125, 126, 127, 1000, 65_535, 65_536] {
            let text = "ü".repeat(length / 2) + &"x".repeat(length % 2);
            client.send(&text);
            assert_eq!(client.hear(), Heard::Text(text));
            client
                .socket
                .send(Message::binary(vec![9; length]))
                .unwrap();
            assert_eq!(client.hear(), Heard::Binary(vec![9; length]));
        }
    });
}

#[test]
fn pings_are_answered_and_fragments_are_joined() {
    let mut game = Game::start();
    game.app.add_systems(bevy_app::Update, echo);
    let mut client = game.join("player-1");
    let (pong, text) = game.during(move || {
        let stream = client.socket.get_mut();
        for part in [
            &[0x01, 0x82, 0, 0, 0, 0, b'a', b'b'][..],
            &[0x89, 0x81, 0, 0, 0, 0, b'p'],
            &[0x00, 0x80, 0, 0, 0, 0],
            &[0x80, 0x81, 0, 0, 0, 0, b'c'],
        ] {
            stream.write_all(part).unwrap();
        }
        let pong = client.socket.read().unwrap();
        (pong, client.hear())
    });
    assert_eq!(pong, Message::Pong("p".into()));
    assert_eq!(text, Heard::Text("abc".into()));
}

#[test]
fn a_client_that_answers_pings_stays() {
    let mut game = Game::limited(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.pong_timeout = Duration::from_secs(1);
    });
    let mut client = game.join("player-1");
    let heard = game.during(move || client.hear_within(Duration::from_secs(3)));
    assert_eq!(heard, Heard::Nothing, "not cut in three times the limit");
    assert_eq!(game.entities(), 1);
}

#[test]
fn text_that_is_not_utf8_closes_with_1007_and_never_reaches_the_game() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    client
        .socket
        .get_mut()
        .write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])
        .unwrap();
    assert_eq!(client.close_code(), 1007);
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::InvalidText);
    assert!(game.seen().frames.is_empty());
}

#[test]
fn malformed_frames_close_with_1002() {
    let mut game = Game::start();
    for (name, bytes) in [
        ("not masked", &[0x81, 0x01, b'x'][..]),
        ("a reserved bit", &[0xc1, 0x80, 0, 0, 0, 0]),
        ("a reserved opcode", &[0x83, 0x80, 0, 0, 0, 0]),
        ("a fragmented ping", &[0x09, 0x80, 0, 0, 0, 0]),
        ("a continuation of nothing", &[0x80, 0x80, 0, 0, 0, 0]),
        ("a close of one byte", &[0x88, 0x81, 0, 0, 0, 0, 1]),
    ] {
        let mut client = game.join("player-1");
        client.socket.get_mut().write_all(bytes).unwrap();
        assert_eq!(client.close_code(), 1002, "{name}");
        game.until("the end", |game| game.entities() == 0);
    }
    assert!(game.seen().frames.is_empty());
}

#[test]
fn only_the_application_subprotocol_is_selected() {
    let mut game = Game::start();
    let address = game.address;
    let bearer = token("player-1");
    let (selected, joined) = game.during(move || {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let offer = format!("other.v9, game.v1, bearer.{bearer}")
            .parse()
            .unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", offer);
        let stream = std::net::TcpStream::connect(address).unwrap();
        let (socket, response) =
            tokio_tungstenite::tungstenite::client::client(request, stream).unwrap();
        let selected = response.headers().get("Sec-WebSocket-Protocol").cloned();
        (
            selected.unwrap().to_str().unwrap().to_owned(),
            socket.can_read(),
        )
    });
    assert_eq!(selected, "game.v1");
    assert!(joined);
    assert_eq!(game.entities(), 1);
}

#[test]
fn nothing_after_the_close_reaches_the_game() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    game.disconnect(entity, DisconnectReason::Kicked);
    game.tick();
    client.send("too late");
    assert_eq!(client.close_code(), 4004);
    for _ in 0..20 {
        game.tick();
    }
    assert!(game.seen().frames.is_empty());
}
