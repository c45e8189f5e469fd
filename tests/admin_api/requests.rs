//! Who may ask, and what is answered to a request that breaks a rule.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    http_client::{exchange, request},
    server::{Server, TOKEN, bearer},
};

#[test]
fn health_needs_no_token_and_everything_else_does() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let answer = request(server.admin, "GET", path, None, "");
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})));
    }
    let wrong = format!("Bearer {TOKEN}!");
    let basic = format!("Basic {TOKEN}");
    let guarded = [
        ("GET", "/v1/players"),
        ("POST", "/v1/revoke"),
        ("POST", "/v1/restore"),
        ("POST", "/v1/kick"),
        ("POST", "/v1/ticket"),
        ("POST", "/v1/drain"),
        ("GET", "/v1/revoke"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1"),
        ("GET", "/metrics"),
    ];
    for (method, path) in guarded {
        for authorization in [
            None,
            Some("Bearer "),
            Some("Bearer"),
            Some(TOKEN),
            Some(&wrong),
            Some(&basic),
        ] {
            let answer = request(
                server.admin,
                method,
                path,
                authorization,
                r#"{"user":"ann"}"#,
            );
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (401, "unauthorized"),
                "{method} {path}"
            );
            assert!(answer.has_header("WWW-Authenticate: Bearer"));
            assert!(answer.has_header("Content-Type: application/json"));
        }
    }
    let lower_case = request(
        server.admin,
        "GET",
        "/v1/players",
        Some(&format!("bearer {TOKEN}")),
        "",
    );
    assert_eq!(lower_case.status, 200, "the scheme's case does not matter");
}

#[test]
fn two_authorization_fields_are_none() {
    let server = Server::start();
    let twice = format!(
        "GET /v1/players HTTP/1.1\r\nHost: a\r\nAuthorization: {0}\r\nAuthorization: {0}\r\n\r\n",
        bearer()
    );
    assert_eq!(exchange(server.admin, twice.as_bytes()).status, 401);
}

#[test]
fn paths_and_methods_that_do_not_exist_are_told_so_in_json() {
    let server = Server::start();
    let cases = [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/v1/revoke", 405, "method_not_allowed"),
        ("POST", "/v1/players", 405, "method_not_allowed"),
        ("GET", "/v1/ticket", 405, "method_not_allowed"),
        ("GET", "/metrics", 501, "not_built"),
        ("GET", "/v1/drain", 405, "method_not_allowed"),
    ];
    for (method, path, status, error) in cases {
        let answer = request(server.admin, method, path, Some(&bearer()), "");
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (status, error),
            "{method} {path}"
        );
    }
    assert!(server.get("/v1/revoke").has_header("Allow: POST"));
}

#[test]
fn a_body_that_breaks_a_rule_is_400_and_names_it() {
    let server = Server::start();
    let long = "x".repeat(201);
    let subjects = "exactly one of user, token_id, session, everyone is required";
    let now = 1_600_000_000;
    let cases = [
        ("/v1/revoke", json!({}), subjects),
        (
            "/v1/revoke",
            json!({"user": "ann", "everyone": true}),
            subjects,
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "token_id": "t"}),
            subjects,
        ),
        ("/v1/revoke", json!({"session": 1, "user": "ann"}), subjects),
        ("/v1/revoke", json!({"everyone": false}), subjects),
        (
            "/v1/revoke",
            json!({"issued_before": now, "ban": true}),
            subjects,
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "banned": true}),
            "unknown field `banned`",
        ),
        (
            "/v1/revoke",
            json!({"user": ""}),
            "user: a user id has 1 to 128 bytes",
        ),
        ("/v1/revoke", json!({"user": 7}), "invalid type"),
        ("/v1/revoke", json!({"token_id": ""}), "token_id: "),
        (
            "/v1/revoke",
            json!({"user": "ann", "reason": long}),
            "reason: ",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "reason": "a\nb"}),
            "reason: ",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "until": now - 10}),
            "until must be in the future",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "until": -1}),
            "invalid value",
        ),
        (
            "/v1/revoke",
            json!({"session": 1, "ban": true}),
            "a session bars nobody",
        ),
        (
            "/v1/revoke",
            json!(["ann"]),
            "the body must be a JSON object",
        ),
        (
            "/v1/restore",
            json!({}),
            "exactly one of user, token_id, everyone is required",
        ),
        (
            "/v1/restore",
            json!({"user": "ann", "everyone": true}),
            "exactly one of",
        ),
        (
            "/v1/restore",
            json!({"user": "ann", "ban": true}),
            "unknown field `ban`",
        ),
        (
            "/v1/drain",
            json!({"deadline_seconds": -1}),
            "deadline_seconds: must be within 0 to 3600",
        ),
        (
            "/v1/drain",
            json!({"deadline_seconds": 3600.5}),
            "deadline_seconds: ",
        ),
        (
            "/v1/drain",
            json!({"deadline_seconds": "soon"}),
            "invalid type",
        ),
        (
            "/v1/drain",
            json!({"deadline": 3}),
            "unknown field `deadline`",
        ),
        ("/v1/drain", json!({"exit": 1}), "invalid type"),
        ("/v1/kick", json!({}), "user is required"),
        ("/v1/ticket", json!({}), "token is required"),
        ("/v1/ticket", json!({"token": 7}), "invalid type"),
        (
            "/v1/ticket",
            json!({"token": "ann", "user": "ben"}),
            "unknown field `user`",
        ),
        (
            "/v1/kick",
            json!({"everyone": true}),
            "unknown field `everyone`",
        ),
        (
            "/v1/kick",
            json!({"user": "ann", "reason": long}),
            "reason: ",
        ),
    ];
    for (path, body, rule) in cases {
        let answer = server.post(path, &body);
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "bad_request"),
            "{path} {body}"
        );
        assert!(
            answer.message().starts_with(rule),
            "{} for {body}",
            answer.message()
        );
    }
    for broken in [
        "",
        "{",
        r#"{"user":"ann"} x"#,
        r#"{"user":"ann","user":"ben"}"#,
    ] {
        let answer = server.post_text("/v1/revoke", broken);
        assert_eq!(answer.status, 400, "{broken:?}");
    }
    assert_eq!(
        server.join("ann").err(),
        None,
        "none of these had an effect"
    );
}

#[test]
fn a_body_above_16_kib_is_413() {
    let server = Server::start();
    for kib in [17, 100] {
        let body = json!({"user": "a".repeat(kib * 1024)});
        let answer = server.post("/v1/revoke", &body);
        assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"));
    }
}

#[test]
fn a_client_that_is_still_writing_when_the_answer_comes_is_not_reset() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.admin).unwrap();
    let head = "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n";
    for part in [head, r#"{"user":"#, r#""player-1"}"#] {
        stream
            .write_all(part.as_bytes())
            .expect("the server still reads");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn a_client_that_sends_no_head_is_closed() {
    let server = Server::start();
    let started = Instant::now();
    let answer = exchange(server.admin, b"GET /healthz HTTP/1.1\r\n");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!([0, 408].contains(&answer.status));
}

#[test]
fn silent_clients_take_the_places_only_for_a_while() {
    let server = Server::start();
    let silent: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(server.admin).unwrap())
        .collect();
    let asked = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    let waited = asked.elapsed();
    assert!(waited > Duration::from_secs(1), "all places were taken");
    assert!(waited < Duration::from_secs(10));
    drop(silent);
}
