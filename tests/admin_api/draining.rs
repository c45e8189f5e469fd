//! Taking the server out of service.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    http_client::request,
    server::{CLOSE_TIMEOUT, Server, TOKEN},
};

#[test]
fn an_empty_server_is_drained_when_the_answer_comes() {
    let server = Server::start();
    let answer = server.post("/v1/drain", &json!({}));
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(
        (&body["ok"], &body["finished"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(body["exit"], false);
    for count in ["connected", "told", "in_order", "aborted"] {
        assert_eq!(body[count], 0, "{count}");
    }
}

#[test]
fn a_drain_closes_the_door_tells_the_players_and_says_how_far_it_is() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let ben = server.join("ben").unwrap();
    let answer = server.post("/v1/drain", &json!({"deadline_seconds": 600}));
    assert_eq!(answer.status, 202);
    let body = answer.json();
    assert_eq!(
        (&body["finished"], &body["connected"]),
        (&json!(false), &json!(2))
    );
    let deadline = body["deadline_in_ms"].as_u64().unwrap();
    assert!((500_000..=600_000).contains(&deadline), "{deadline}");

    let ready = request(server.admin, "GET", "/readyz", None, "");
    assert_eq!((ready.status, ready.error().as_str()), (503, "draining"));
    let healthy = request(server.admin, "GET", "/healthz", None, "");
    assert_eq!(healthy.status, 200);
    assert_eq!(server.join("cid").err(), Some(503));
    let ticket = server.post("/v1/ticket", &json!({"token": "cid"}));
    assert_eq!((ticket.status, ticket.error().as_str()), (503, "draining"));

    let Message::Close(Some(close)) = ann.read().unwrap() else {
        panic!("no Close")
    };
    let _ = ann.flush();
    assert_eq!(u16::from(close.code), 4000);
    assert!(close.reason.starts_with("draining: come back in "));
    drop(ben);

    let patience = Instant::now() + Duration::from_secs(20);
    let end = loop {
        // Asking again without a deadline changes nothing.
        let answer = server.post("/v1/drain", &json!({}));
        let body: Value = answer.json();
        if answer.status == 200 {
            break body;
        }
        assert!(body["deadline_in_ms"].as_u64().unwrap() > 500_000);
        assert!(Instant::now() < patience, "{body}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(
        (&end["finished"], &end["connected"]),
        (&json!(true), &json!(0))
    );
    let count = |name: &str| end[name].as_u64().unwrap();
    assert_eq!(count("told"), count("in_order") + count("aborted"));
    assert!((1..=2).contains(&count("told")), "{end}");
}

#[test]
fn a_second_request_can_hurry() {
    let server = Server::start();
    // This one never answers its Close.
    let _mute = server.join("ann").unwrap();
    let first = server.post("/v1/drain", &json!({"deadline_seconds": 600}));
    assert_eq!(first.status, 202);
    let second = server.post("/v1/drain", &json!({"deadline_seconds": 0}));
    assert_eq!(second.json()["deadline_in_ms"], 0);
    let patience = Instant::now() + CLOSE_TIMEOUT / 2;
    while server.post("/v1/drain", &json!({})).status != 200 {
        assert!(
            Instant::now() < patience,
            "less than the close answer may take"
        );
    }
}

#[test]
fn nobody_drains_without_the_token() {
    let server = Server::start();
    let wrong = format!("Bearer {TOKEN}!");
    let answer = request(server.admin, "POST", "/v1/drain", Some(&wrong), "{}");
    assert_eq!(answer.status, 401);
    let ready = request(server.admin, "GET", "/readyz", None, "");
    assert_eq!(ready.status, 200);
    assert!(server.join("ann").is_ok());
}
