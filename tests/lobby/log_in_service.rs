//! The log-in service gives a token to whom the door would let in, and to nobody else.

use std::path::Path;

use bevy_bouncer::{Revocation, RevocationStore, SqliteRevocations, Subject, UserId};
use serde_json::{Value, json};

use crate::{PASSWORD, lobby, player::Player, program::Lobby, sign_up, token};

/// What an operator decides while the lobby is down.
fn bar(data: &Path, entry: Revocation) {
    let store = SqliteRevocations::open(data.join("revocations.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let subject = entry.subject.clone();
    let stored = store.replace(&subject, std::slice::from_ref(&entry));
    runtime.block_on(stored).unwrap();
}

/// A member of a token's claims.
fn claim(token: &str, name: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = token.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[name].clone()
}

fn renew(lobby: &Lobby, session: &Value) -> (u16, String) {
    let answer = lobby.post("/api/token", token(session), &json!({}));
    (answer.status, answer.error())
}

#[test]
fn a_token_that_the_door_would_not_take_is_not_renewed() {
    let (data, mut lobby) = lobby();
    let ann = sign_up(&lobby, "Ann");
    let id = UserId::new(ann["user"]["id"].as_str().unwrap()).unwrap();
    let token_id = claim(token(&ann), "jti").as_str().unwrap().to_owned();
    let issued_at = claim(token(&ann), "iat").as_u64().unwrap();
    let user = || Revocation::user(id.clone());
    for (entry, refused, log_in) in [
        (Revocation::token(token_id), (401, "unauthorized"), 200),
        (user().issued_before(issued_at), (401, "unauthorized"), 200),
        (
            Revocation::new(Subject::Everyone).issued_before(issued_at),
            (401, "unauthorized"),
            200,
        ),
        (user(), (403, "locked"), 403),
        (user().ban(), (403, "banned"), 403),
        (Revocation::new(Subject::Everyone), (403, "locked"), 403),
    ] {
        assert_eq!(renew(&lobby, &ann), (200, String::new()), "{entry:?}");
        assert_eq!(lobby.interrupt(), Some(0));
        let subject = entry.subject.clone();
        bar(data.path(), entry.clone());
        lobby = Lobby::start(data.path());
        assert_eq!(
            renew(&lobby, &ann),
            (refused.0, refused.1.to_owned()),
            "{entry:?}"
        );
        let again = lobby.enter("/api/login", "Ann", PASSWORD);
        assert_eq!(again.status, log_in, "{entry:?}");
        if log_in == 200 {
            Player::connect(&again.json()).unwrap().expect("hello");
        }
        assert_eq!(lobby.interrupt(), Some(0));
        let store = SqliteRevocations::open(data.path().join("revocations.db")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(store.replace(&subject, &[])).unwrap();
        lobby = Lobby::start(data.path());
    }
}

/// Nobody is locked out: the password works, at once.
#[test]
fn logging_out_everywhere_ends_all_sessions_and_a_new_log_in_works() {
    let (_data, lobby) = lobby();
    let (ann, bob) = (sign_up(&lobby, "Ann"), sign_up(&lobby, "Bob"));
    let moderator = lobby.moderator();
    let mut live = Player::connect(&ann).unwrap();
    live.expect("hello");
    let mut bobs = Player::connect(&bob).unwrap();
    bobs.expect("hello");
    assert_eq!(
        lobby.post("/api/logout-everywhere", "", &json!({})).status,
        401
    );
    let done = lobby.post("/api/logout-everywhere", token(&ann), &json!({}));
    assert_eq!((done.status, done.json()), (200, json!({})));
    let closed = live.expect_close();
    assert_eq!(u16::from(closed.code), 4101);
    assert_eq!(
        closed.reason.to_string(),
        "token_revoked: you logged out everywhere"
    );
    assert_eq!(Player::connect(&ann).err(), Some(401));
    assert_eq!(renew(&lobby, &ann), (401, "unauthorized".to_owned()));
    let again = lobby.post("/api/logout-everywhere", token(&ann), &json!({}));
    assert_eq!(again.status, 401);

    let back = lobby.enter("/api/login", "Ann", PASSWORD);
    assert_eq!(back.status, 200, "{}", back.body);
    Player::connect(&back.json()).unwrap().expect("hello");
    assert_eq!(renew(&lobby, &back.json()).0, 200);
    // Others, and the list of those who are kept out, do not notice.
    assert_eq!(renew(&lobby, &bob).0, 200);
    let listed = lobby.get("/api/revoked", token(&moderator)).json();
    assert_eq!(listed, json!({ "users": [] }));
}

#[test]
fn a_ban_with_an_end_tells_it_to_its_user_and_to_moderators() {
    let (_data, lobby) = lobby();
    let (ann, moderator) = (sign_up(&lobby, "Ann"), lobby.moderator());
    let mut judge = Player::connect(&moderator).unwrap();
    judge.send(&json!({
        "op": "mod.ban", "id": "ban", "user": ann["user"]["id"], "seconds": 600, "reason": "spam",
    }));
    judge.expect("ack");
    let lasts = |left: &Value| {
        let left = left.as_u64().unwrap();
        assert!((500_000..=600_000).contains(&left), "{left}");
    };
    for refused in [
        lobby.enter("/api/login", "Ann", PASSWORD),
        lobby.post("/api/token", token(&ann), &json!({})),
    ] {
        assert_eq!((refused.status, refused.error().as_str()), (403, "banned"));
        assert_eq!(refused.message(), "You are banned from the lobby: spam");
        lasts(&refused.json()["retry_after_ms"]);
        let head = refused.head.to_ascii_lowercase();
        assert!(!head.contains("retry-after:"), "nobody comes back for it");
    }
    let listed = lobby.get("/api/revoked", token(&moderator)).json();
    assert_eq!(listed["users"][0]["ban"], true);
    lasts(&listed["users"][0]["left_ms"]);
    // Who only knows the name learns nothing.
    let guess = lobby.enter("/api/login", "Ann", "not the password");
    assert_eq!(
        (guess.status, guess.error().as_str()),
        (401, "wrong_credentials")
    );
}

#[test]
fn requests_with_a_token_are_counted_for_each_user_and_for_each_address() {
    let (_data, lobby) = lobby();
    let (ann, bob) = (sign_up(&lobby, "Ann"), sign_up(&lobby, "Bob"));
    let tries = |session: &Value, most: usize| {
        let answers = (0..most).map(|_| lobby.post("/api/token", token(session), &json!({})));
        let mut answers = answers.skip_while(|answer| answer.status == 200);
        answers.next().expect("at some point it is enough")
    };
    let refused = tries(&ann, 40);
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (429, "too_many_attempts")
    );
    assert!(refused.json()["retry_after_ms"].as_u64().unwrap() > 0);
    // Another user of the same address has attempts left, but not without an end: also bad tokens are counted.
    assert_eq!(renew(&lobby, &bob).0, 200);
    let strangers = (0..120).map(|_| lobby.post("/api/token", "a.b.c", &json!({})).status);
    let refused = { strangers }.find(|status| *status != 401);
    assert_eq!(refused, Some(429));
    assert_eq!(lobby.enter("/api/login", "Bob", PASSWORD).status, 200);
}
