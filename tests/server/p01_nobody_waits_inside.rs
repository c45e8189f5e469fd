//! Without a verified, existing, unrevoked user there is no 101, no entity, no component hook, no read
//! of a WebSocket frame.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;

use crate::support::*;

fn with_token(token: &str) -> String {
    upgrade(&[&format!("Authorization: Bearer {token}")])
}

fn without(line: &str) -> String {
    let request = with_token(&token("player-1"));
    assert!(request.contains(line), "{line}");
    request.replace(line, "")
}

fn instead(line: &str, other: &str) -> String {
    without(line).replacen("\r\n", &format!("\r\n{other}"), 1)
}

/// Requests that must all be refused, with the status.
fn bad_requests() -> Vec<(&'static str, String, u16)> {
    let good = token("player-1");
    let bearer = format!("Authorization: Bearer {good}");
    let mut requests = vec![
        ("no credential", upgrade(&[]), 401),
        ("an empty token", upgrade(&["Authorization: Bearer "]), 401),
        (
            "another scheme",
            upgrade(&["Authorization: Basic YTpi"]),
            401,
        ),
        ("garbage for a token", with_token("garbage"), 401),
        (
            "a user who does not exist",
            with_token(&token("nobody")),
            401,
        ),
        ("a user who is barred", with_token(&token("barred")), 403),
        (
            "a foreign origin",
            upgrade(&[&bearer, "Origin: https://evil.example"]),
            403,
        ),
        ("the null origin", upgrade(&[&bearer, "Origin: null"]), 403),
        (
            "another path",
            with_token(&good).replace("/ws", "/other"),
            404,
        ),
        ("a POST", with_token(&good).replace("GET", "POST"), 405),
        ("a HEAD", with_token(&good).replace("GET", "HEAD"), 405),
        ("no upgrade", without("Upgrade: websocket\r\n"), 426),
        (
            "no connection upgrade",
            without("Connection: Upgrade\r\n"),
            426,
        ),
        (
            "another upgrade",
            instead("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
            426,
        ),
        ("no version", without("Sec-WebSocket-Version: 13\r\n"), 426),
        (
            "version 8",
            with_token(&good).replace("Version: 13", "Version: 8"),
            426,
        ),
        (
            "no key",
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            400,
        ),
        (
            "a short key",
            with_token(&good).replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
            400,
        ),
        (
            "a key of other characters",
            with_token(&good).replace("dGhl", "!!!!"),
            400,
        ),
        ("no host", without("Host: localhost\r\n"), 400),
        ("two hosts", upgrade(&[&bearer, "Host: other"]), 400),
        (
            "two origins",
            upgrade(&[
                &bearer,
                "Origin: https://game.example",
                "Origin: https://game.example",
            ]),
            400,
        ),
        ("two tokens", upgrade(&[&bearer, &bearer]), 400),
        (
            "two carriers",
            upgrade(&[
                &bearer,
                &format!("Sec-WebSocket-Protocol: game.v1, bearer.{good}"),
            ]),
            400,
        ),
        (
            "only a bearer subprotocol",
            upgrade(&[&format!("Sec-WebSocket-Protocol: bearer.{good}")]),
            400,
        ),
        (
            "an unknown subprotocol",
            upgrade(&[&bearer, "Sec-WebSocket-Protocol: other.v1"]),
            400,
        ),
        ("a body", upgrade(&[&bearer, "Content-Length: 5"]), 400),
        (
            "a chunked body",
            upgrade(&[&bearer, "Transfer-Encoding: chunked"]),
            400,
        ),
        ("bytes after the head", with_token(&good) + "early", 400),
        (
            "a frame after the head",
            with_token(&good) + "\u{1}\u{0}",
            400,
        ),
        (
            "bare line feeds",
            with_token(&good).replace("\r\n", "\n"),
            400,
        ),
        (
            "one bare line feed",
            with_token(&good).replacen("\r\n", "\n", 1),
            400,
        ),
        (
            "HTTP/1.0",
            with_token(&good).replace("HTTP/1.1", "HTTP/1.0"),
            400,
        ),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        (
            "an absolute target",
            with_token(&good).replace("/ws", "http://localhost/ws"),
            400,
        ),
        (
            "a folded header",
            upgrade(&[&bearer, "X-Long: a", " b"]),
            400,
        ),
        (
            "a space before the colon",
            upgrade(&[&bearer, "X-Name : a"]),
            400,
        ),
        (
            "a token in the query",
            with_token("").replace("/ws", &format!("/ws?token={good}")),
            401,
        ),
        (
            "a ticket that nobody issued",
            upgrade(&[]).replace("/ws", "/ws?ticket=abcdefgh"),
            401,
        ),
        (
            "a ticket beside a token",
            with_token("").replace("/ws", "/ws?ticket=abcdefgh"),
            400,
        ),
        (
            "a cookie for a token",
            upgrade(&[&format!("Cookie: token={good}")]),
            401,
        ),
        (
            "no HTTP at all",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\r\n\r\n".to_owned(),
            400,
        ),
        (
            "a huge head",
            upgrade(&[&bearer, &format!("X-Long: {}", "a".repeat(10_000))]),
            431,
        ),
        (
            "too many fields",
            upgrade(
                &vec![bearer.as_str(); 1]
                    .into_iter()
                    .chain((0..60).map(|_| "X-More: a"))
                    .collect::<Vec<_>>(),
            ),
            431,
        ),
        ("a huge token", with_token(&"a".repeat(5000)), 401),
    ];
    for (name, change) in [
        ("an expired token", json!({"exp": unix_now() - 60})),
        ("a token for later", json!({"nbf": unix_now() + 600})),
        ("another audience", json!({"aud": "other"})),
        ("another issuer", json!({"iss": "https://other.example"})),
        ("no subject", json!({"sub": null})),
    ] {
        let mut changed = claims("player-1");
        for (field, value) in change.as_object().unwrap() {
            changed[field] = value.clone();
        }
        requests.push((name, with_token(&sign(&changed)), 401));
    }
    requests
}

#[test]
fn p01_every_bad_request_is_answered_and_nothing_of_it_reaches_the_ecs() {
    let mut game = Game::start();
    let requests = bad_requests();
    assert!(requests.len() >= 30);
    for (name, request, status) in requests {
        let answer = game
            .raw(request)
            .unwrap_or_else(|| panic!("{name}: no answer"));
        // A few malformed ones may fail two checks; either is a refusal in words.
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(answer.header("Connection"), Some("close"), "{name}");
        let length: usize = answer.header("Content-Length").unwrap().parse().unwrap();
        assert_eq!(length, answer.body.len(), "{name}");
        assert!(!answer.error().is_empty(), "{name}");
    }
    for _ in 0..10 {
        game.tick();
    }
    assert_eq!(game.entities(), 0);
    assert_eq!(game.seen().hooks, 0);
    assert_eq!(
        game.seen().arriving,
        0,
        "not even the game's veto was asked"
    );
    let _good = game.join("player-1");
    assert_eq!(game.seen().hooks, 2, "and the same counters see a good one");
}

#[test]
fn p01_silence_is_answered_with_408_and_leaves_nothing() {
    let mut game = Game::limited(|limits| limits.head_timeout = Duration::from_millis(200));
    let answer = game.raw("GET /ws HTTP/1.1\r\nHost: lo").unwrap();
    assert_eq!(answer.status, 408);
    assert_eq!(game.seen().hooks, 0);
}

#[test]
fn p01_a_stranger_gets_no_broadcast() {
    let mut game = Game::start();
    let address = game.address;
    let mut stranger = TcpStream::connect(address).unwrap();
    let request = upgrade(&["Authorization: Bearer garbage"]);
    stranger.write_all(request.as_bytes()).unwrap();
    let mut ann = game.join("player-1");
    game.run(|mut outbox: bevy_bouncer::Outbox| outbox.broadcast("for the players").unwrap());
    game.tick();
    assert_eq!(ann.hear(), Heard::Text("for the players".into()));
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = String::new();
    stranger.read_to_string(&mut heard).unwrap();
    assert!(heard.starts_with("HTTP/1.1 401"), "{heard}");
    assert!(!heard.contains("for the players"));
}

#[test]
fn p01_health_needs_no_credential_and_admits_nobody() {
    let mut game = Game::start();
    let answer = game
        .raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(game.seen().hooks, 0);
}
