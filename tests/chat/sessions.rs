//! Coming in, coming back, and showing a new token.

use std::time::Duration;

use bevy_bouncer_chat::*;
use serde_json::json;

use crate::{support::*, talker::*};

fn token_until(user: &str, id: &str, seconds: u64) -> String {
    let mut claims = claims(user);
    claims["jti"] = json!(id);
    claims["exp"] = json!(unix_now() + seconds);
    sign(&claims)
}

#[test]
fn hello_is_first_and_says_what_a_client_needs() {
    let mut game = start();
    let mut ann = Talker::arrive(&mut game, "mod-ann");
    while ann.heard.is_empty() {
        ann.listen(&mut game);
    }
    let hello = ann.heard.remove(0);
    let exp = hello["exp"].as_u64().unwrap();
    assert!(exp.abs_diff(unix_now() + 3600) < 60);
    let left = hello["expires_in_ms"].as_u64().unwrap();
    assert!(left.abs_diff(3_600_000) < 60_000);
    assert_eq!(
        hello,
        json!({
            "op": "hello", "exp": exp, "expires_in_ms": left, "rank": 1, "heartbeat_ms": 10000,
            "user": {"id": "mod-ann", "name": "Name of mod-ann", "roles": ["moderator"]},
            "reconnect": {"first_ms": 1000, "longest_ms": 30000},
            "limits": {
                "text_length": 500, "text_lines": 20, "burst": 100, "messages_per_second": 1.0,
                "rooms_per_player": 32, "history_page": 50,
            },
        })
    );
}

#[test]
fn there_is_a_sign_of_life() {
    let mut config = config();
    config.messages.heartbeat = Duration::from_secs(1);
    let mut game = open_with(config, ChatPlugin::new(options()).unwrap());
    let mut ann = Talker::join(&mut game, "ann");
    ann.hear(&mut game, "beat");
    ann.hear(&mut game, "beat");
}

#[test]
fn p07_a_client_is_asked_for_a_new_token_and_gives_it() {
    let mut config = config();
    config.limits.refresh_pause = Duration::ZERO;
    let mut game = open_with(config, ChatPlugin::new(options()).unwrap());
    let ends = token_until("ann", "one", 5);
    let mut ann = Talker::over(game.connect(&ends).unwrap());
    let expiring = ann.hear(&mut game, "auth.expiring");
    let ends_at = expiring["ends_at"].as_u64().unwrap();
    assert!(ends_at.abs_diff(unix_now() + 5) < 60);
    assert!(expiring["left_ms"].as_u64().unwrap() <= 5000);
    let refresh = |token: &str| json!({"op": "auth.refresh", "token": token});
    assert_eq!(ann.err(&mut game, refresh("nonsense")), "bad_token");
    let fresh = token_until("ann", "two", 600);
    let exp = ann.ack(&mut game, refresh(&fresh))["exp"].as_u64().unwrap();
    assert!(exp.abs_diff(unix_now() + 600) < 60);
    // Somebody else's ends the session.
    ann.send(refresh(&token("eve")));
    assert_eq!(ann.close(&mut game).0, 4410);
}

#[test]
fn a_player_who_comes_back_in_time_is_still_in_the_room() {
    let mut config = config();
    config.limits.resume_window = Duration::from_secs(60);
    let mut game = open_with(config, ChatPlugin::new(options()).unwrap());
    let ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    ann.client
        .socket
        .get_ref()
        .shutdown(std::net::Shutdown::Both)
        .unwrap();
    let entity = game.entity_of("ann");
    drop(ann);
    game.until("the link is lost", |game| {
        game.bouncer
            .players()
            .iter()
            .any(|player| !player.is_connected)
    });
    bob.say(&mut game, "while ann was away");
    let mut ann = Talker::join(&mut game, "ann");
    assert_eq!(game.entity_of("ann"), entity);
    bob.say(&mut game, "welcome back");
    assert_eq!(ann.texts(&mut game), ["welcome back"]);
    let answer = ann.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    assert_eq!(text_of(&answer["messages"][0]), "while ann was away");
}
