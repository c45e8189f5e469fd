//! P12: no token, ticket, password or query string in logs, errors or `Debug`. In a process of its own,
//! because it captures everything that is logged, at `trace`.

#[path = "support/mod.rs"]
mod support;

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
};

use bevy_bouncer::*;
use support::{log::Log, *};

const OPERATOR: &str = "operator-secret-of-the-admin-api-0123456789";

/// Sends a request and hangs up after the first line of the answer.
fn first_line(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn p12_no_secret_is_logged_whatever_happens() {
    let log = Log::default();
    tracing_subscriber::fmt()
        // All of it, but for what the test's own clients say of their requests.
        .with_env_filter("trace,tungstenite::handshake::client=off,tungstenite::client=off")
        .with_writer(log.clone())
        .init();
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let (mut game, address) = {
        let admin = AdminPlugin::bind("127.0.0.1:0", OPERATOR, door.bouncer()).unwrap();
        let address = admin.local_addr();
        (
            Game::open_with(door, |app| _ = app.add_plugins(admin)),
            address,
        )
    };
    #[cfg(not(feature = "admin"))]
    let mut game = Game::open(door);
    let mut shown = String::new();
    let mut secrets = vec![
        "ticket-secret-value".to_owned(),
        "query-secret-value".to_owned(),
        "cookie-secret-value".to_owned(),
        "basic-secret-value".to_owned(),
        String::from_utf8(SECRET.to_vec()).unwrap(),
    ];
    let mut tokens = vec![token("nobody"), token("barred")];
    for (field, value) in [
        ("exp", 1),
        ("nbf", 9_999_999_999_u64),
        ("iat", 9_999_999_999),
    ] {
        let mut changed = claims("player-1");
        changed[field] = value.into();
        tokens.push(sign(&changed));
    }
    tokens.push("no-token-at-all-but-secret".to_owned());
    for token in &tokens {
        let bearer = format!("Authorization: Bearer {token}");
        game.raw(upgrade(&[&bearer, "Cookie: id=cookie-secret-value"]));
        game.raw(upgrade(&[&format!(
            "Sec-WebSocket-Protocol: game.v1, bearer.{token}"
        )]));
        game.raw(upgrade(&[]).replace("/ws", &format!("/ws?token={token}&q=query-secret-value")));
        game.raw(upgrade(&[&bearer, &bearer]));
        secrets.extend(
            token
                .split('.')
                .filter(|part| part.len() > 20)
                .map(str::to_owned),
        );
    }
    game.raw(upgrade(&["Authorization: Basic basic-secret-value"]));
    game.raw(upgrade(&[]).replace("/ws", "/ws?ticket=ticket-secret-value"));
    let issued = block_on(
        game.bouncer
            .issue_ticket(&Credential::new(token("player-2"))),
    );
    let issued = issued.unwrap();
    let ticket_debug = format!("{issued:?}");
    secrets.push(issued.expose().to_owned());
    for status in [101, 401] {
        let request = upgrade(&[]).replace("/ws", &format!("/ws?ticket={}", issued.expose()));
        let (address, request) = (game.address, request.into_bytes());
        let answer = game.during(move || first_line(address, &request));
        assert!(answer.contains(&status.to_string()), "{answer}");
    }
    game.until("the end of it", |game| game.entities() == 0);
    let good = token("player-1");
    secrets.extend(good.split('.').map(str::to_owned));
    let mut client = game.connect(&good).unwrap();
    let connection = game.bouncer.players()[0].connection;
    for refresh in [token("player-1"), token("player-1") + "AA"] {
        let given = Credential::new(refresh.clone());
        let _ = block_on(game.bouncer.refresh(connection, &given));
        let entity = game.entity_of("player-1");
        shown.push_str(&format!("{given:?}"));
        game.command(entity, |player| _ = player.refresh(given));
        secrets.extend(refresh.split('.').map(str::to_owned));
    }
    {
        let token = OPERATOR;
        for (bearer, path, body) in [
            (token, "/v1/ticket", format!(r#"{{"token":"{good}"}}"#)),
            (
                token,
                "/v1/ticket",
                r#"{"token":"exchanged-secret-value"}"#.to_owned(),
            ),
            ("wrong-operator-secret", "/v1/players", String::new()),
        ] {
            let length = body.len();
            let request = format!(
                "POST {path}?key=query-secret-value HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Authorization: Bearer {bearer}\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let answer = game
                .during(move || raw(address, request.as_bytes()))
                .unwrap();
            if answer.status == 200 {
                secrets.push(answer.json()["ticket"].as_str().unwrap().to_owned());
            }
            secrets.push(bearer.to_owned());
        }
        secrets.push("exchanged-secret-value".to_owned());
    }
    client.send("hello");
    game.until("the message", |game| !game.seen().frames.is_empty());
    drop(
        game.bouncer
            .revoke(Revocation::user(user("player-1")).reason("because")),
    );
    assert_eq!(client.close_code(), 4101);
    game.until("the end", |game| game.entities() == 0);
    let frames = format!("{:?}", game.seen().frames);
    let credential = format!("{:?}", Credential::new(token("player-1")));
    let request = format!(
        "{:?}",
        HandshakeRequest::for_test(Some(Credential::new(token("player-1"))))
    );
    let admission =
        Admission::new(User::new("player-1", "Ann").unwrap()).token_id("token-id-of-ann");
    let admission = format!("{admission:?}");
    drop(game);

    let logged = log.text();
    assert!(logged.contains("refused"), "the log was captured");
    assert!(logged.contains("revoked"), "the log was captured");
    let all = [
        logged,
        shown,
        frames,
        credential,
        request,
        admission,
        ticket_debug,
    ]
    .concat();
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret:?} was shown");
    }
    assert!(!all.contains("token-of-player-1"), "nor a token's id");
}
