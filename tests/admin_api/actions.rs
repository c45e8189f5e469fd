//! What the operator can do, and that the answer comes after the effect.

use std::{
    net::TcpStream,
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, WebSocket, protocol::CloseFrame};

use crate::server::Server;

fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// The code and the words of the Close that comes next.
fn farewell(socket: &mut WebSocket<TcpStream>) -> (u16, String) {
    loop {
        if let Message::Close(close) = socket.read().unwrap() {
            let CloseFrame { code, reason } = close.unwrap();
            return (code.into(), reason.as_str().to_owned());
        }
    }
}

#[test]
fn an_unknown_user_is_fine() {
    let server = Server::start();
    for path in ["/v1/revoke", "/v1/restore", "/v1/kick"] {
        let answer = server.post(path, &json!({"user": "nobody"}));
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({"ok": true, "cut": 0}))
        );
    }
}

#[test]
fn players_lists_who_is_in() {
    let server = Server::start();
    assert_eq!(server.get("/v1/players").json(), json!({"players": []}));
    let ann = server.join("ann").unwrap();
    let answer = server.get("/v1/players");
    let player = &answer.json()["players"][0];
    assert_eq!(player["user"], "ann");
    assert_eq!(player["name"], "ANN");
    assert_eq!(player["roles"], json!(["moderator"]));
    assert_eq!(
        player["peer"],
        ann.get_ref().local_addr().unwrap().to_string()
    );
    assert!(player["session"].is_u64());
}

#[test]
fn revoke_cuts_and_bars_until_restore() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let mut ben = server.join("ben").unwrap();
    let answer = server.post("/v1/revoke", &json!({"user": "ann", "reason": "stolen"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(
        farewell(&mut ann),
        (4101, "token_revoked: stolen".to_owned())
    );
    assert_eq!(server.join("ann").err(), Some(401));
    ben.send(Message::text("still here")).unwrap();

    assert_eq!(
        server.post("/v1/restore", &json!({"user": "ann"})).status,
        200
    );
    assert!(server.join("ann").is_ok());
}

#[test]
fn a_ban_says_so_and_ends_when_it_is_over() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let until = unix_now() + 3;
    let answer = server.post(
        "/v1/revoke",
        &json!({"user": "ann", "ban": true, "until": until}),
    );
    assert_eq!(answer.json(), json!({"ok": true, "cut": 1}));
    assert_eq!(farewell(&mut ann).0, 4403);
    assert_eq!(server.join("ann").err(), Some(403));
    let patience = Instant::now() + Duration::from_secs(10);
    while server.join("ann").is_err() {
        assert!(Instant::now() < patience, "the ban never ends");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(unix_now() >= until);
}

#[test]
fn a_token_a_session_and_everyone_are_subjects() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let mut ben = server.join("ben").unwrap();
    let answer = server.post("/v1/revoke", &json!({"token_id": "token-of-ann"}));
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));

    let session = server.get("/v1/players").json()["players"][0]["session"].clone();
    let answer = server.post("/v1/revoke", &json!({"session": session}));
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ben).0, 4101);
    assert!(server.join("ben").is_ok(), "a session's end bars nobody");

    assert_eq!(
        server.post("/v1/revoke", &json!({"everyone": true})).status,
        200
    );
    assert_eq!(server.join("cid").err(), Some(401));
    assert_eq!(
        server
            .post("/v1/restore", &json!({"everyone": true}))
            .status,
        200
    );
    assert!(server.join("cid").is_ok());
    assert_eq!(
        server.join("ann").err(),
        Some(401),
        "the token has its own entry"
    );
}

#[test]
fn issued_before_bars_older_tokens_only() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    // The test's tokens have no `iat`, so they count as older than everything.
    let answer = server.post("/v1/revoke", &json!({"user": "ann", "issued_before": 1}));
    assert_eq!(answer.json(), json!({"ok": true, "cut": 1}));
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}

#[test]
fn kick_ends_a_session_and_bars_nobody() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let answer = server.post("/v1/kick", &json!({"user": "ann", "reason": "be nice"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(farewell(&mut ann), (4004, "kicked: be nice".to_owned()));
    assert!(server.join("ann").is_ok());
}

#[test]
fn a_failing_store_is_503_and_the_fence_is_kept() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    server.store.broken.store(true, Ordering::SeqCst);
    let answer = server.post("/v1/revoke", &json!({"user": "ann"}));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "store_unavailable")
    );
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}

#[test]
fn a_store_that_hangs_is_503_in_time_and_the_fence_is_kept() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    server.store.stuck.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    let answer = server.post("/v1/revoke", &json!({"user": "ann"}));
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "store_unavailable")
    );
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}
