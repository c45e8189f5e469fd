//! How the server goes out of service: by SIGTERM, and by the operator's API.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    config::{CONFIG, config},
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
