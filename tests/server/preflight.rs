//! A page on another port can ask why somebody is refused.

use bevy_bouncer::*;

use crate::support::*;

const ORIGIN: &str = "https://game.example";

fn preflight(method: &str, lines: &[&str]) -> String {
    let mut request = format!("{method} /ws/preflight HTTP/1.1\r\nHost: localhost\r\n");
    for line in lines {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request + "\r\n"
}

fn ask(game: &mut Game, token: &str) -> Answer {
    let origin = format!("Origin: {ORIGIN}");
    let bearer = format!("Authorization: Bearer {token}");
    game.raw(preflight("GET", &[&origin, &bearer])).unwrap()
}

#[test]
fn preflight_answers_204_to_whom_the_door_would_let_in_and_admits_nobody() {
    let mut game = Game::start();
    let answer = ask(&mut game, &token("player-1"));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(ORIGIN));
    game.tick();
    assert_eq!(
        (game.seen().hooks, game.seen().arriving, game.entities()),
        (0, 0, 0)
    );
    assert_eq!(game.bouncer.occupied(), 0);
}

#[test]
fn preflight_says_why_somebody_is_refused_and_the_page_may_read_it() {
    let mut game = Game::limited(|limits| limits.duplicate_login = DuplicateLogin::RejectNew);
    let answer = ask(&mut game, "garbage");
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "unauthorized")
    );
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(ORIGIN));
    assert!(answer.header("Vary").unwrap().contains("Origin"));
    let ban = Revocation::user(user("player-1")).ban().reason("cheating");
    drop(game.bouncer.revoke(ban));
    let answer = ask(&mut game, &token("player-1"));
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    assert_eq!(answer.json()["message"], "cheating");
    let _in = game.join("player-2");
    assert_eq!(ask(&mut game, &token("player-2")).status, 409);
}

#[test]
fn preflight_of_a_browser_is_answered_for_listed_origins_only() {
    let mut game = Game::start();
    let asks = "Access-Control-Request-Method: GET";
    let headers = "Access-Control-Request-Headers: authorization";
    let origin = format!("Origin: {ORIGIN}");
    let answer = game
        .raw(preflight("OPTIONS", &[&origin, asks, headers]))
        .unwrap();
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(ORIGIN));
    let allowed = answer.header("Access-Control-Allow-Headers").unwrap();
    assert!(allowed.eq_ignore_ascii_case("authorization"));
    let answer = game
        .raw(preflight(
            "OPTIONS",
            &["Origin: https://evil.example", asks],
        ))
        .unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
}

#[test]
fn preflight_is_throttled_like_a_handshake() {
    let mut game = Game::limited(|limits| limits.handshakes_per_ip_per_minute = 2);
    assert_eq!(ask(&mut game, &token("player-1")).status, 204);
    assert_eq!(ask(&mut game, &token("player-1")).status, 204);
    assert_eq!(ask(&mut game, &token("player-1")).status, 429);
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 429);
}

#[test]
fn preflight_lets_any_page_read_a_429_because_it_is_given_unheard() {
    let mut game = Game::limited(|limits| limits.handshakes_per_ip_per_minute = 1);
    assert_eq!(ask(&mut game, &token("player-1")).status, 204);
    let answer = ask(&mut game, &token("player-1"));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}
