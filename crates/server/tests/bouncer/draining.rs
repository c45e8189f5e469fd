//! How the server goes out of service: by SIGTERM, and by the operator's API.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    config::{CONFIG, config},
    database::Lock,
    http_client::{Answer, request},
    process::{ADMIN_TOKEN, Bouncer, Folder, Socket},
};

/// For a server that has nobody to wait for.
const AT_ONCE: Duration = Duration::from_secs(15);

/// The configuration with this section.
fn draining(section: &str) -> String {
    config("[admin]", &format!("[drain]\n{section}\n\n[admin]"))
}

/// The code of the Close that comes next, and when the player shall come back in milliseconds.
#[track_caller]
fn told_to_come_back(socket: &mut Socket) -> u64 {
    let Message::Close(Some(close)) = socket.read().unwrap() else {
        panic!("no Close");
    };
    // The client library has queued the answer; send it.
    let _ = socket.flush();
    assert_eq!(u16::from(close.code), 4000);
    let time = close
        .reason
        .strip_prefix("draining: come back in ")
        .unwrap();
    time.strip_suffix(" ms").unwrap().parse().unwrap()
}

fn drain(server: &mut Bouncer, body: &str) -> Answer {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    request(server.admin(), "POST", "/v1/drain", Some(&bearer), body)
}

#[test]
fn sigterm_tells_players_when_to_come_back_and_exits_with_0_when_they_have_left() {
    let folder = Folder::new(&draining(
        "deadline_seconds = 600\ncome_back_seconds = [2, 2.5]",
    ));
    let mut server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    let asked = Instant::now();
    server.signal("TERM");
    for socket in [&mut ann, &mut ben] {
        let time = told_to_come_back(socket);
        assert!((2000..=2500).contains(&time), "{time}");
    }
    assert_eq!(server.exit_code(), Some(0));
    assert!(asked.elapsed() < AT_ONCE);
    assert!(server.whole_log().contains("drained told=2 in_order=2"));
}

#[test]
fn with_nobody_in_sigterm_exits_at_once() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    assert!(asked.elapsed() < AT_ONCE);
}

#[test]
fn sigterm_lets_nobody_in_and_exits_at_the_deadline() {
    let settings = draining("deadline_seconds = 6");
    let patient = settings.replace("[limits]", "[limits]\nclose_timeout_seconds = 60");
    let folder = Folder::new(&patient);
    let mut server = folder.start();
    let token = folder.token("player-2");
    // This one never answers the Close.
    let _mute = server.join(&folder.token("player-1")).unwrap();
    let asked = Instant::now();
    server.signal("TERM");
    server.logged("stopping");
    assert_eq!(server.join(&token).err(), Some(503));
    let ready = request(server.admin(), "GET", "/readyz", None, "");
    assert_eq!((ready.status, ready.error().as_str()), (503, "draining"));
    for address in [server.admin(), server.game] {
        let healthy = request(address, "GET", "/healthz", None, "");
        assert_eq!(healthy.status, 200);
    }
    assert_eq!(server.exit_code(), Some(0));
    let took = asked.elapsed();
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(20));
    assert!(
        server
            .whole_log()
            .contains("drained told=1 in_order=0 aborted=1")
    );
}

#[test]
fn the_operator_drains_and_stops_the_server() {
    let folder = Folder::new(&draining("come_back_seconds = [7, 7]"));
    let mut server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let answer = drain(&mut server, r#"{"deadline_seconds":60,"exit":true}"#);
    assert_eq!(answer.status, 202);
    let body = answer.json();
    assert_eq!(
        (&body["ok"], &body["finished"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&body["exit"], &body["connected"]),
        (&json!(true), &json!(1))
    );
    let left = body["deadline_in_ms"].as_u64().unwrap();
    assert!((30_000..=60_000).contains(&left), "{left}");
    assert_eq!(told_to_come_back(&mut ann), 7000);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn the_operator_gets_the_answer_before_an_empty_server_exits() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let answer = drain(&mut server, r#"{"exit":true}"#);
    assert_eq!(
        (answer.status, &answer.json()["finished"]),
        (200, &json!(true))
    );
    assert_eq!(server.exit_code(), Some(0));
}

/// A server that drains with this, and a ban that is in force and waits for a file that is locked.
fn with_an_unstored_ban(drain: &str) -> (Folder, Bouncer, Lock) {
    let folder = Folder::new(&draining(drain));
    let mut server = folder.start();
    // The door opens once the revocations are loaded.
    drop(server.join(&folder.token("player-2")).unwrap());
    let lock = Lock::exclusive(&folder, "revocations.db");
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = r#"{"user": "player-1", "ban": true}"#;
    let answer = request(server.admin(), "POST", "/v1/revoke", Some(&bearer), body);
    assert_ne!(answer.status, 200, "that it is stored cannot be answered");
    (folder, server, lock)
}

#[test]
fn p15_what_is_not_stored_at_the_end_is_listed_and_the_exit_is_an_error() {
    let (_folder, mut server, _lock) = with_an_unstored_ban("deadline_seconds = 2");
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(1));
    let log = server.whole_log();
    let lost = log.lines().find(|line| line.contains("lost: "));
    assert!(lost.is_some_and(|line| line.contains("player-1")), "{log}");
}

#[test]
fn p15_a_drain_waits_for_the_store_and_then_all_is_well() {
    let (folder, mut server, lock) = with_an_unstored_ban("deadline_seconds = 60");
    server.signal("TERM");
    server.logged("draining");
    drop(lock);
    assert_eq!(server.exit_code(), Some(0));
    let server = folder.start();
    let token = folder.token("player-1");
    assert_eq!(server.join(&token).err(), Some(403), "it was stored");
}
