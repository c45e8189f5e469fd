//! A login service exchanges a player's token for a ticket.

use serde_json::json;

use crate::server::{Server, TICKETS};

#[test]
fn a_token_is_exchanged_for_a_ticket_that_lets_its_user_in_once() {
    let server = Server::start();
    let answer = server.post("/v1/ticket", &json!({"token": "ann"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.has_header("Cache-Control: no-store"));
    let body = answer.json();
    assert_eq!(body["expires_in_seconds"], 30);
    assert_eq!(body.as_object().unwrap().len(), 2);
    let ticket = body["ticket"].as_str().unwrap();
    let _ann = server.join_with_ticket(ticket).unwrap();
    assert_eq!(
        server.get("/v1/players").json()["players"][0]["user"],
        "ann"
    );
    assert_eq!(server.join_with_ticket(ticket).err(), Some(401));
}

#[test]
fn a_token_that_the_door_would_refuse_is_refused_in_its_words() {
    let server = Server::start();
    let too_long = "x".repeat(5000);
    for token in ["", "not a token", &too_long] {
        let answer = server.post("/v1/ticket", &json!({"token": token}));
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "unauthorized")
        );
        assert_eq!(answer.message(), "a valid token is required");
    }
    let ban = json!({"user": "ann", "ban": true, "reason": "cheating"});
    assert_eq!(server.post("/v1/revoke", &ban).status, 200);
    let answer = server.post("/v1/ticket", &json!({"token": "ann"}));
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    assert_eq!(answer.message(), "cheating");
    let revoked = json!({"token_id": "token-of-ben"});
    assert_eq!(server.post("/v1/revoke", &revoked).status, 200);
    let answer = server.post("/v1/ticket", &json!({"token": "ben"}));
    assert_eq!(answer.status, 401);
}

#[test]
fn who_is_revoked_after_the_exchange_stays_out() {
    let server = Server::start();
    let answer = server.post("/v1/ticket", &json!({"token": "ann"}));
    let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
    let revoked = json!({"token_id": "token-of-ann"});
    assert_eq!(server.post("/v1/revoke", &revoked).status, 200);
    assert_eq!(server.join_with_ticket(&ticket).err(), Some(401));
}

#[test]
fn too_many_tickets_are_a_503_with_a_time_to_come_back() {
    let server = Server::start();
    for _ in 0..TICKETS {
        let answer = server.post("/v1/ticket", &json!({"token": "ann"}));
        assert_eq!(answer.status, 200);
    }
    let answer = server.post("/v1/ticket", &json!({"token": "ann"}));
    assert_eq!((answer.status, answer.error().as_str()), (503, "capacity"));
    assert!(answer.has_header("Retry-After: 1"));
    assert_eq!(answer.json()["retry_after_ms"], 1000);
}
