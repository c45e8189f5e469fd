//! `bouncer.v1` without the chat: hello, new tokens and typed messages.

mod p05_revoked_at_once;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};

use support::*;

#[derive(serde::Deserialize, Debug, Clone, PartialEq)]
struct Move {
    x: u32,
}

#[derive(Resource, Default)]
struct Moves(Vec<u32>);

/// Plugins before and after the door's greet players themselves.
fn game() -> Game {
    let mut config = config().subprotocols(["bouncer.v1"]);
    config.limits.resume_window = Duration::from_secs(3600);
    config.limits.duplicate_login = DuplicateLogin::TakeOver;
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_observer(|joined: On<Add<User>>, mut outbox: Outbox| {
            outbox.send(joined.entity, "{\"op\":\"early\"}").unwrap();
            outbox.broadcast("{\"op\":\"early\"}").unwrap();
        })
        .add_observer(|restored: On<LinkRestored>, mut outbox: Outbox| {
            outbox.send(restored.entity, "{\"op\":\"early\"}").unwrap();
        })
        .init_resource::<Moves>()
        .add_client_message::<Move>("move")
        .add_systems(
            bevy_app::Update,
            |mut read: MessageReader<FromPlayer<Move>>, mut moves: ResMut<Moves>| {
                moves.0.extend(read.read().map(|it| it.message.x));
            },
        );
    });
    game.offer = Some("bouncer.v1");
    game
}

/// The next message. The game ticks until it comes.
fn hear(game: &mut Game, client: &mut Client) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        game.tick();
        match client.hear_within(Duration::from_millis(2)) {
            Heard::Text(text) => return serde_json::from_str(&text).unwrap(),
            Heard::Nothing if Instant::now() < deadline => {}
            other => panic!("{other:?}"),
        }
    }
}

fn hear_op(game: &mut Game, client: &mut Client, op: &str) -> Value {
    loop {
        let heard = hear(game, client);
        if heard["op"] == op {
            return heard;
        }
    }
}

#[test]
fn hello_precedes_everything_also_on_another_link() {
    let mut game = game();
    for _ in 0..2 {
        let mut client = game.join("player-1");
        let hello = hear(&mut game, &mut client);
        assert_eq!(hello["op"], "hello");
        assert_eq!(hello["user"]["id"], "player-1");
        assert!(hello["rank"].is_null() && hello["limits"].is_null());
        assert_eq!(hear(&mut game, &mut client)["op"], "early");
    }
}

#[test]
fn hello_precedes_what_observers_say_that_were_there_before_the_door() {
    let config = config().subprotocols(["bouncer.v1"]);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let (address, bouncer) = (door.local_addr(), door.bouncer());
    let mut app = bevy_app::App::new();
    app.add_observer(|joined: On<Add<User>>, mut outbox: Outbox| {
        outbox.send(joined.entity, "{\"op\":\"early\"}").unwrap();
    })
    .add_observer(|joined: On<Add<Connection>>, mut outbox: Outbox| {
        let _ = outbox.send(joined.entity, "{\"op\":\"earlier\"}");
        outbox.broadcast("{\"op\":\"earlier\"}").unwrap();
    })
    .init_resource::<Seen>()
    .add_plugins(door);
    app.finish();
    app.cleanup();
    let mut game = Game {
        app,
        address,
        bouncer,
        offer: Some("bouncer.v1"),
    };
    let mut client = game.join("player-1");
    assert_eq!(hear(&mut game, &mut client)["op"], "hello");
}

#[test]
fn hello_precedes_everything_for_who_comes_back_after_a_lost_link() {
    let mut game = game();
    let mut client = game.join("player-1");
    assert_eq!(hear(&mut game, &mut client)["op"], "hello");
    let tcp = client.socket.get_ref();
    tcp.shutdown(std::net::Shutdown::Both).unwrap();
    game.until("the link is lost", |game| {
        game.bouncer
            .players()
            .iter()
            .all(|player| !player.is_connected)
    });
    game.tick();
    let mut client = game.join("player-1");
    assert_eq!(hear(&mut game, &mut client)["op"], "hello");
    assert_eq!(hear(&mut game, &mut client)["op"], "early");
}

#[test]
fn who_did_not_agree_on_the_subprotocol_has_none_of_it() {
    let mut game = game();
    game.offer = None;
    let mut client = game.join("player-1");
    assert_eq!(hear(&mut game, &mut client)["op"], "early");
}

#[test]
fn p07_a_new_token_is_taken_without_the_chat() {
    let mut game = game();
    let mut client = game.join("player-1");
    let mut claims = claims("player-1");
    claims["exp"] = json!(unix_now() + 600);
    let request = json!({"op": "auth.refresh", "id": "r", "token": sign(&claims)});
    client.send(&request.to_string());
    let answer = loop {
        let heard = hear(&mut game, &mut client);
        if heard["re"] == "r" {
            break heard;
        }
    };
    assert_eq!(answer["op"], "ack", "{answer}");
    assert!(answer["exp"].as_u64().unwrap() <= unix_now() + 600);
    assert!(answer["expires_in_ms"].as_u64().unwrap() <= 600_000);
}

#[test]
fn typed_messages_come_without_the_chat() {
    let mut game = game();
    let mut client = game.join("player-1");
    client.send(r#"{"op":"move","id":"m","d":{"x":7}}"#);
    game.until("the move", |game| {
        game.app.world().resource::<Moves>().0 == [7]
    });
    assert_eq!(hear_op(&mut game, &mut client, "ack")["re"], "m");
    client.send(r#"{"op":"jump","id":"j"}"#);
    game.until("the frame", |game| game.seen().frames.len() == 2);
    assert_eq!(hear_op(&mut game, &mut client, "err")["code"], "unknown_op");
}

/// Makes so many errors, and hears of each.
fn err(game: &mut Game, client: &mut Client, errors: usize) {
    for _ in 0..errors {
        client.send("{}");
    }
    for _ in 0..errors {
        assert_eq!(hear_op(game, client, "err")["code"], "bad_request");
    }
}

#[test]
fn p11_errors_of_a_user_count_over_reconnects_and_another_users_do_not() {
    let mut config = config().subprotocols(["bouncer.v1"]);
    config.messages.errors = 6;
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut game = Game::open_with(door, |_| ());
    game.offer = Some("bouncer.v1");
    let mut first = game.join("player-1");
    let mut other = game.join("player-2");
    err(&mut game, &mut first, 3);
    err(&mut game, &mut other, 5);
    let mut second = game.join("player-1");
    err(&mut game, &mut second, 3);
    game.tick();
    assert_eq!(second.close_code(), 4400);
    assert_eq!(game.bouncer.players().len(), 1);
}

#[test]
fn p07_a_client_is_asked_for_a_new_token_without_the_chat() {
    let mut game = game();
    let mut claims = claims("player-1");
    claims["exp"] = json!(unix_now() + 5);
    let mut client = game.connect(&sign(&claims)).unwrap();
    let hello = hear(&mut game, &mut client);
    assert!(hello["expires_in_ms"].as_u64().unwrap() <= 5000, "{hello}");
    let asked = hear_op(&mut game, &mut client, "auth.expiring");
    assert_eq!(asked["ends_at"], hello["exp"]);
    assert!(asked["left_ms"].as_u64().unwrap() <= 5000, "{asked}");
}
