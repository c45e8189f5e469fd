//! The lobby without a browser: what its log-in service and its chat promise.
#![cfg(feature = "sqlite")]

#[path = "http_client/mod.rs"]
mod http_client;
#[path = "lobby/player.rs"]
mod player;
#[path = "lobby/program.rs"]
mod program;

use std::time::{Duration, Instant};

use bevy_bouncer::{TokenIssuer, UserId};
use http_client::exchange;
use player::Player;
use program::Lobby;
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

fn lobby() -> (TempDir, Lobby) {
    let data = tempfile::tempdir().unwrap();
    let lobby = Lobby::start(data.path());
    (data, lobby)
}

fn sign_up(lobby: &Lobby, name: &str) -> Value {
    let answer = lobby.enter("/api/signup", name, PASSWORD);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn token(session: &Value) -> &str {
    session["token"].as_str().unwrap()
}

#[test]
fn a_sign_up_names_the_rule_that_was_broken() {
    let (_data, lobby) = lobby();
    for (name, password, rule) in [
        ("al", PASSWORD, "3 to 24"),
        ("a<b>c", PASSWORD, "only letters"),
        ("Аnn", PASSWORD, "only letters"),
        (" ann", PASSWORD, "single spaces"),
        ("ann", "short", "8 to 128"),
    ] {
        let answer = lobby.enter("/api/signup", name, password);
        assert_eq!(answer.status, 400, "{name:?}");
        let message = answer.message();
        assert!(message.contains(rule), "{name:?}: {message}");
    }
    sign_up(&lobby, "Ann Lee");
    let answer = lobby.enter("/api/signup", "ANN lee", PASSWORD);
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (409, "name_taken")
    );
}

#[test]
fn a_log_in_does_not_tell_whether_the_name_exists() {
    let (_data, lobby) = lobby();
    sign_up(&lobby, "Ann");
    let wrong = lobby.enter("/api/login", "Ann", "not the password");
    let unknown = lobby.enter("/api/login", "Nobody", "not the password");
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(lobby.enter("/api/login", "ann", PASSWORD).status, 200);
}

#[test]
fn too_many_attempts_have_to_wait() {
    let (_data, lobby) = lobby();
    let refused = (0..20)
        .map(|_| lobby.enter("/api/login", "Ann", "short"))
        .find(|answer| answer.status == 429)
        .expect("at some point it is enough");
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert!(refused.json()["retry_after_ms"].as_u64().unwrap() > 0);
}

#[test]
fn strange_requests_are_refused_and_every_answer_is_hardened() {
    let (_data, lobby) = lobby();
    let elsewhere = b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(exchange(lobby.authority(), elsewhere).status, 421);
    let long = "x".repeat(10_000);
    assert_eq!(lobby.enter("/api/login", &long, PASSWORD).status, 413);
    let page = lobby.get("/", "");
    assert_eq!(page.status, 200);
    assert!(page.has_header("x-content-type-options: nosniff"));
    assert!(page.has_header("referrer-policy: no-referrer"));
    let policy = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'";
    assert!(page.head.contains(policy), "{}", page.head);
}

#[test]
fn only_moderators_moderate_and_not_each_other() {
    let (_data, lobby) = lobby();
    let (ann, moderator) = (sign_up(&lobby, "Ann"), lobby.moderator());
    let whom = |session: &Value| json!({ "user": session["user"]["id"] });
    assert_eq!(lobby.post("/api/revoke", "", &whom(&ann)).status, 401);
    assert_eq!(lobby.post("/api/revoke", "a.b.c", &whom(&ann)).status, 401);
    assert_eq!(
        lobby
            .post("/api/revoke", token(&ann), &whom(&moderator))
            .status,
        403
    );
    assert_eq!(lobby.get("/api/revoked", token(&ann)).status, 403);
    assert_eq!(
        lobby
            .post("/api/revoke", token(&moderator), &whom(&moderator))
            .status,
        403
    );
    let nobody = json!({ "user": "u-0" });
    assert_eq!(
        lobby.post("/api/revoke", token(&moderator), &nobody).status,
        404
    );
}

#[test]
fn a_removed_player_is_cut_and_stays_out_over_a_restart_until_restored() {
    let (data, lobby) = lobby();
    let (ann, moderator) = (sign_up(&lobby, "Ann"), lobby.moderator());
    let mut live = Player::connect(&ann)
        .map_err(|status| format!("refused: {status}"))
        .unwrap();
    live.expect("hello");

    let removal = json!({ "user": ann["user"]["id"], "reason": "spam" });
    let answer = lobby
        .post("/api/revoke", token(&moderator), &removal)
        .json();
    assert_eq!(answer, json!({ "ok": true, "cut": 1 }));
    let goodbye = live.expect_close();
    assert_eq!(
        (u16::from(goodbye.code), goodbye.reason.as_str()),
        (4101, "token_revoked: spam")
    );
    assert_eq!(Player::connect(&ann).err(), Some(401));

    assert_eq!(lobby.interrupt(), Some(0));
    let lobby = Lobby::start(data.path());
    assert_eq!(lobby.moderator_password, None, "it is shown only once");
    let refused = lobby.enter("/api/login", "Ann", PASSWORD);
    assert_eq!(refused.status, 403);
    let words = "A moderator removed you from the lobby: spam";
    assert_eq!(refused.message(), words);
    let refused = lobby.post("/api/token", token(&ann), &json!({}));
    assert_eq!((refused.status, refused.message().as_str()), (403, words));

    let listed = lobby.get("/api/revoked", token(&moderator)).json();
    let entry = json!({ "id": ann["user"]["id"], "name": "Ann", "reason": "spam" });
    assert_eq!(listed, json!({ "users": [entry] }));
    let restoration = json!({ "user": ann["user"]["id"] });
    assert_eq!(
        lobby
            .post("/api/restore", token(&moderator), &restoration)
            .status,
        200
    );
    let back = lobby.enter("/api/login", "Ann", PASSWORD);
    assert_eq!(back.status, 200);
    Player::connect(&back.json()).unwrap().expect("hello");
}

#[test]
fn an_account_that_is_disabled_is_told_so() {
    let (_data, lobby) = lobby();
    let ann = sign_up(&lobby, "Ann");
    lobby.disable(ann["user"]["id"].as_str().unwrap());
    let refused = [
        lobby.enter("/api/login", "Ann", PASSWORD),
        lobby.post("/api/token", token(&ann), &json!({})),
    ];
    for refused in refused {
        assert_eq!(
            (refused.status, refused.error().as_str()),
            (403, "disabled")
        );
        assert_eq!(refused.message(), "This account is disabled.");
    }
    assert_eq!(Player::connect(&ann).err(), Some(403));
}

/// Somebody who opens connections to the page and says nothing does not keep others from it.
#[test]
fn a_silent_connection_to_the_page_is_closed() {
    let (_data, lobby) = lobby();
    let started = Instant::now();
    let answer = exchange(lobby.authority(), b"GET / HTTP/1.1\r\n");
    assert!(matches!(answer.status, 0 | 408), "{answer:?}");
    // As long as the lobby waits for a head; this client would wait for a minute.
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert!(started.elapsed() < Duration::from_secs(45));
}

/// The page takes what the door takes, and nothing else.
#[test]
fn a_token_of_somebody_else_is_not_accepted_by_page_or_door() {
    let (data, lobby) = lobby();
    let mut ann = sign_up(&lobby, "Ann");
    let id = UserId::new(ann["user"]["id"].as_str().unwrap()).unwrap();
    let key = std::fs::read(data.path().join("token.key")).unwrap();
    let elsewhere = TokenIssuer::hs256(key).unwrap().issuer("elsewhere");
    ann["token"] = json!(elsewhere.issue(&id).unwrap());
    assert_eq!(
        lobby.post("/api/token", token(&ann), &json!({})).status,
        401
    );
    assert_eq!(Player::connect(&ann).err(), Some(401));
}

#[test]
fn the_server_says_who_speaks() {
    let (_data, lobby) = lobby();
    let (ann, bob) = (sign_up(&lobby, "Ann"), sign_up(&lobby, "Bob"));
    let mut bobs = Player::connect(&bob).unwrap();
    bobs.expect("hello");
    let mut anns = Player::connect(&ann).unwrap();
    let hello = anns.expect("hello");
    assert_eq!(hello["players"].as_array().unwrap().len(), 2);
    assert_eq!(bobs.expect("joined")["user"], ann["user"]);

    let forged =
        json!({ "op": "chat.send", "id": "c1", "from": bob["user"], "d": { "text": "hi" } });
    anns.send(&forged);
    let heard = bobs.expect("chat.msg");
    assert_eq!(
        heard["from"],
        json!({ "id": ann["user"]["id"], "name": "Ann" })
    );
    assert_eq!(heard["d"], json!({ "text": "hi" }));
    assert_eq!(anns.expect("ack")["re"], "c1");
    drop(anns);
    assert_eq!(bobs.expect("left")["user"], ann["user"]["id"]);

    let again = Player::connect(&ann).unwrap().expect("hello");
    assert_eq!(again["history"], json!([heard]));
}

#[test]
fn a_message_that_breaks_a_rule_is_refused_with_words() {
    let (_data, lobby) = lobby();
    let mut ann = Player::connect(&sign_up(&lobby, "Ann")).unwrap();
    ann.say("c1", "turned \u{202e}around");
    let refused = ann.expect("err");
    assert_eq!(
        (&refused["re"], &refused["code"]),
        (&json!("c1"), &json!("bad_text"))
    );
    ann.say("c2", &"x".repeat(501));
    assert_eq!(ann.expect("err")["code"], "bad_text");
    ann.send(&json!({ "op": "chat.shout", "id": "c3" }));
    assert_eq!(ann.expect("err")["code"], "unknown_op");
    for number in 0..8 {
        ann.say(&format!("d{number}"), "hello");
    }
    let slower = ann.expect("err");
    assert_eq!(slower["code"], "too_fast");
    assert!(slower["retry_ms"].as_u64().unwrap() <= 1000);
}

#[test]
fn going_down_is_announced() {
    let (_data, lobby) = lobby();
    let mut ann = Player::connect(&sign_up(&lobby, "Ann")).unwrap();
    ann.expect("hello");
    assert_eq!(lobby.interrupt(), Some(0));
    assert_eq!(u16::from(ann.expect_close().code), 1001);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_token_key() {
    use std::os::unix::fs::PermissionsExt;
    let (data, _lobby) = lobby();
    let key = data.path().join("token.key").metadata().unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}
