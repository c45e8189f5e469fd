//! One identical 401 for every credential failure; close-code ranges tell what to do.

use bevy_bouncer::*;
use serde_json::json;

use crate::support::*;

#[test]
fn p13_every_credential_failure_gets_the_same_bytes() {
    let mut game = Game::start();
    drop(game.bouncer.revoke(user("player-9")));
    let changed = |field: &str, value: serde_json::Value| {
        let mut claims = claims("player-1");
        claims[field] = value;
        sign(&claims)
    };
    let tokens = [
        ("garbage", "garbage".to_owned()),
        ("not signed by us", {
            let good = token("player-1");
            let (head, _) = good.rsplit_once('.').unwrap();
            format!("{head}.{}", "A".repeat(43))
        }),
        ("expired", changed("exp", json!(unix_now() - 100))),
        ("another audience", changed("aud", json!("other"))),
        ("nobody", token("nobody")),
        ("revoked", token("player-9")),
        ("too long", "a".repeat(4097)),
    ];
    let mut answers = Vec::new();
    for (name, token) in tokens {
        let answer = game
            .raw(upgrade(&[&format!("Authorization: Bearer {token}")]))
            .unwrap();
        assert_eq!(answer.status, 401, "{name}");
        answers.push((name, answer));
    }
    answers.push(("none", game.raw(upgrade(&[])).unwrap()));
    let (_, first) = &answers[0];
    assert_eq!(first.header("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(first.error(), "unauthorized");
    for (name, answer) in &answers {
        assert_eq!(
            (&answer.head, &answer.body),
            (&first.head, &first.body),
            "{name}"
        );
    }
}

#[test]
fn p13_close_codes_fall_into_their_ranges() {
    use DisconnectReason::*;
    for reason in [
        Draining,
        SlowConsumer,
        HeartbeatTimeout,
        RateLimited,
        Kicked,
        Overloaded,
    ] {
        assert!((4000..=4099).contains(&reason.close_code()), "{reason}");
    }
    for reason in [TokenExpired, Revoked] {
        assert!((4100..=4199).contains(&reason.close_code()), "{reason}");
    }
    for reason in [
        BadProtocol,
        Banned,
        UserGone,
        Replaced,
        RefreshUserMismatch,
        Finished,
    ] {
        assert!((4400..=4499).contains(&reason.close_code()), "{reason}");
    }
}

#[test]
fn p13_a_game_ends_sessions_with_words_and_codes_of_its_own() {
    let mut game = Game::start();
    let map_changes = DisconnectReason::Game(GameCode::new(4050).unwrap());
    for (reason, code, text) in [
        (DisconnectReason::Finished, 4411, "finished: see you"),
        (map_changes, 4050, "game: see you"),
    ] {
        let mut client = game.join("player-1");
        let entity = game.entity_of("player-1");
        let mut commands = game.world().commands();
        commands.entity(entity).disconnect(reason, Some("see you"));
        game.tick();
        assert_eq!(client.hear(), Heard::Closed(code, text.into()));
        assert_eq!(game.seen().left.last(), Some(&(entity, reason)));
        game.until("the despawn", |game| game.entities() == 0);
    }
}

#[test]
fn p13_a_refusal_says_when_to_come_back() {
    let mut game = Game::limited(|limits| limits.connections = 1);
    let _first = game.join("player-1");
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-2"))]);
    let answer = game.raw(request).unwrap();
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .header("Retry-After")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert!(answer.json()["retry_after_ms"].as_u64().unwrap() >= 1000);
}

/// The words of whoever banned and the end of the ban are for the user who is banned, at the door and at its preflight.
#[test]
fn p13_only_the_banned_user_learns_of_the_ban_and_its_end() {
    let mut game = Game::start();
    let ban = Revocation::user(user("player-1")).ban();
    let ban = ban.reason("cheating\u{202e}").until(unix_now() + 600);
    let mut live = game.join("player-1");
    drop(game.bouncer.revoke(ban));
    assert_eq!(live.hear(), Heard::Closed(4403, "banned: cheating".into()));

    let ask = |game: &mut Game, token: &str| {
        let credential = format!("Authorization: Bearer {token}");
        let preflight = format!("GET /ws/preflight HTTP/1.1\r\nHost: a\r\n{credential}\r\n\r\n");
        [upgrade(&[&credential]), preflight].map(|request| game.raw(request).unwrap())
    };
    for answer in ask(&mut game, &token("player-1")) {
        assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
        let body = answer.json();
        assert_eq!(body["message"], "cheating");
        let left = body["retry_after_ms"].as_u64().unwrap();
        assert!((500_000..=600_000).contains(&left), "{left}");
        assert_eq!(answer.header("Retry-After"), None, "a client stops");
    }
    let stranger = ask(&mut game, "garbage");
    let good = token("player-1");
    let (head, _) = good.rsplit_once('.').unwrap();
    let mut expired = claims("player-1");
    expired["exp"] = json!(unix_now() - 100);
    for token in [format!("{head}.{}", "A".repeat(43)), sign(&expired)] {
        for (answer, stranger) in ask(&mut game, &token).iter().zip(&stranger) {
            assert_eq!(
                (&answer.head, &answer.body),
                (&stranger.head, &stranger.body)
            );
        }
    }
}

/// Also when the ban comes while the game has yet to look at the player.
#[test]
fn p13_a_handshake_that_a_ban_ends_learns_of_its_end() {
    let mut game = Game::start();
    let (address, bouncer) = (game.address, game.bouncer.clone());
    game.app
        .add_observer(move |_: bevy_ecs::prelude::On<Arriving>| {
            let ban = Revocation::user(user("player-1")).ban().reason("cheating");
            drop(bouncer.revoke(ban.until(unix_now() + 600)));
        });
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-1"))]);
    let answer = game.during(move || raw(address, request.as_bytes()).unwrap());
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    let body = answer.json();
    assert_eq!(body["message"], "cheating");
    let left = body["retry_after_ms"].as_u64().unwrap();
    assert!((500_000..=600_000).contains(&left), "{left}");
}
