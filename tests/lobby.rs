//! The lobby without a browser: what its log-in service and its chat promise.

#[path = "http_client/mod.rs"]
mod http_client;
#[path = "lobby/log_in_service.rs"]
mod log_in_service;
#[path = "lobby/player.rs"]
mod player;
#[path = "lobby/program.rs"]
mod program;
#[path = "lobby/start.rs"]
mod start;

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
        ("a\u{202e}nn", PASSWORD, "only letters"),
        ("Аnn", PASSWORD, "one script"),
        (" ann", PASSWORD, "begins and ends"),
        ("Adm1n", PASSWORD, "somebody who runs the game"),
        ("The Lobby", PASSWORD, "somebody who runs the game"),
    ] {
        let answer = lobby.enter("/api/signup", name, password);
        assert_eq!(answer.status, 400, "{name:?}");
        let message = answer.message();
        assert!(message.contains(rule), "{name:?}: {message}");
    }
}

#[test]
fn a_password_that_is_tried_first_is_not_taken() {
    let (_data, lobby) = lobby();
    for (name, password, rule) in [
        ("ann", "short", "at least 8 characters"),
        ("ann", &"x".repeat(129), "at most 128 characters"),
        ("ann", "Password1", "tries first"),
        ("ann", "aaaaaaaa", "tries first"),
        ("Ann Lee 99", "annlee99", "must not be the name"),
    ] {
        let answer = lobby.enter("/api/signup", name, password);
        assert_eq!(answer.status, 400, "{name:?}");
        let message = answer.message();
        assert!(message.contains(rule), "{name:?}: {message}");
    }
}

#[test]
fn no_two_names_look_alike() {
    let (_data, lobby) = lobby();
    sign_up(&lobby, "Bill Cope");
    for alike in ["BILL cope", "BiII Cope", "bill_cope", "B1ll C0pe"] {
        let answer = lobby.enter("/api/signup", alike, PASSWORD);
        let said = (answer.status, answer.error());
        assert_eq!(said, (409, "name_taken".to_owned()), "{alike}");
    }
    assert_eq!(lobby.enter("/api/login", "bill cope", PASSWORD).status, 200);
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
fn only_moderators_see_who_is_kept_out_and_have_a_room() {
    let (_data, lobby) = lobby();
    let (ann, moderator) = (sign_up(&lobby, "Ann"), lobby.moderator());
    assert_eq!(lobby.get("/api/revoked", "").status, 401);
    assert_eq!(lobby.get("/api/revoked", "a.b.c").status, 401);
    assert_eq!(lobby.get("/api/revoked", token(&ann)).status, 403);
    let nobody = lobby.get("/api/revoked", token(&moderator)).json();
    assert_eq!(nobody, json!({ "users": [] }));
    let rooms = |session: &Value| {
        let mut player = Player::connect(session).unwrap();
        player.send(&json!({ "op": "room.list", "id": "rooms" }));
        let rooms = player.expect("ack")["rooms"].clone();
        let names = rooms.as_array().unwrap().iter();
        let names: Vec<_> = names
            .map(|room| room["room"].as_str().unwrap().to_owned())
            .collect();
        names
    };
    assert_eq!(rooms(&ann), ["lobby", "looking for group", "trade"]);
    let all = ["lobby", "looking for group", "moderators", "trade"];
    assert_eq!(rooms(&moderator), all);
}

#[test]
fn whoever_is_kept_out_stays_out_over_a_restart_until_restored() {
    for (op, code, word, status, words) in [
        (
            "mod.revoke",
            4101,
            "token_revoked",
            401,
            "A moderator locked your account: spam",
        ),
        (
            "mod.ban",
            4403,
            "banned",
            403,
            "You are banned from the lobby: spam",
        ),
    ] {
        let (data, lobby) = lobby();
        let (ann, moderator) = (sign_up(&lobby, "Ann"), lobby.moderator());
        let id = &ann["user"]["id"];
        let mut live = Player::connect(&ann).unwrap();
        live.expect("hello");
        let mut judge = Player::connect(&moderator).unwrap();
        judge.moderate(op, id, Some("spam"));
        let goodbye = live.expect_close();
        let said = (u16::from(goodbye.code), goodbye.reason.to_string());
        assert_eq!(said, (code, format!("{word}: spam")));
        assert_eq!(Player::connect(&ann).err(), Some(status));

        assert_eq!(lobby.interrupt(), Some(0));
        let lobby = Lobby::start(data.path());
        assert_eq!(lobby.moderator_password, None, "it is shown only once");
        let refused = [
            lobby.enter("/api/login", "Ann", PASSWORD),
            lobby.post("/api/token", token(&ann), &json!({})),
        ];
        for refused in refused {
            assert_eq!((refused.status, refused.message().as_str()), (403, words));
        }
        // The door has another port now.
        let moderator = lobby
            .post("/api/token", token(&moderator), &json!({}))
            .json();
        let listed = lobby.get("/api/revoked", token(&moderator)).json();
        let ban = op == "mod.ban";
        let entry =
            json!({ "id": id, "name": "Ann", "reason": "spam", "ban": ban, "left_ms": null });
        assert_eq!(listed, json!({ "users": [entry] }));
        let mut judge = Player::connect(&moderator).unwrap();
        judge.moderate("mod.restore", id, None);
        let back = lobby.enter("/api/login", "Ann", PASSWORD);
        assert_eq!(back.status, 200);
        Player::connect(&back.json()).unwrap().expect("hello");
    }
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
fn what_was_said_is_there_after_a_restart() {
    let (data, lobby) = lobby();
    let (ann, bob) = (sign_up(&lobby, "Ann"), sign_up(&lobby, "Bob"));
    let mut bobs = Player::connect(&bob).unwrap();
    bobs.join("lobby");
    let mut anns = Player::connect(&ann).unwrap();
    let joined = anns.join("lobby");
    assert_eq!(joined["members"].as_array().unwrap().len(), 2);
    anns.say("c1", "hi");
    let mut heard = bobs.expect("chat.msg");
    assert_eq!(
        heard["from"],
        json!({ "id": ann["user"]["id"], "name": "Ann" })
    );
    anns.expect("ack");

    assert_eq!(lobby.interrupt(), Some(0));
    let lobby = Lobby::start(data.path());
    let bob = lobby.enter("/api/login", "Bob", PASSWORD).json();
    let joined = Player::connect(&bob).unwrap().join("lobby");
    heard.as_object_mut().unwrap().remove("op");
    assert_eq!(joined["messages"], json!([heard]));
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
