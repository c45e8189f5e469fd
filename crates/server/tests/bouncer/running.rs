//! A server that runs: players, the operator, and signals.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    config::{CONFIG, FIXED_USERS, config},
    database::execute,
    http_client::{Answer, request},
    login_service,
    process::{ADMIN_TOKEN, Folder, SECRET, close_code, text},
};

fn post(admin: SocketAddr, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    request(admin, "POST", path, Some(&bearer), &body.to_string())
}

#[test]
fn what_one_player_writes_everybody_reads_with_the_name_the_server_knows() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    ann.send(Message::binary(vec![1, 2, 3])).unwrap();
    ann.send(Message::text(r#"{"from":"Ben"} "hi""#)).unwrap();
    for socket in [&mut ann, &mut ben] {
        let message: Value = serde_json::from_str(&text(socket)).unwrap();
        assert_eq!(
            message,
            json!({"from": {"id": "player-1", "name": "Ann"}, "text": r#"{"from":"Ben"} "hi""#})
        );
    }
}

#[test]
fn echo_goes_back_to_the_sender_as_it_came() {
    let folder = Folder::new(&config("echo = false", "echo = true"));
    let server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    ann.send(Message::text("one")).unwrap();
    ann.send(Message::binary(vec![0, 255])).unwrap();
    ben.send(Message::text("two")).unwrap();
    assert_eq!(ann.read().unwrap(), Message::text("one"));
    assert_eq!(ann.read().unwrap(), Message::binary(vec![0, 255]));
    assert_eq!(ben.read().unwrap(), Message::text("two"));
}

#[test]
fn a_stranger_stays_outside() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let known = folder.token("player-1");
    let forged = format!("{}x", &known[..known.len() - 1]);
    for token in ["", "not-a-token", &forged, &folder.token("nobody")] {
        assert_eq!(server.join(token).err(), Some(401));
    }
    let browser = format!("game.v1, bearer.{known}");
    let carried_twice = server.join_as_requested(&format!("Bearer {known}"), Some(&browser));
    assert_eq!(carried_twice.err(), Some(400));
}

#[test]
fn a_revoked_player_is_cut_and_stays_out_after_a_restart_until_restored() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let token = folder.token("player-1");
    let mut ann = server.join(&token).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();

    let answer = post(server.admin(), "/v1/revoke", &json!({"user": "player-1"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(close_code(&mut ann), 4101);
    assert_eq!(server.join(&token).err(), Some(401));
    assert_eq!(
        server.join(&folder.token("player-1")).err(),
        Some(401),
        "a new token does not help"
    );
    ben.send(Message::text("still here")).unwrap();
    assert!(text(&mut ben).contains("still here"));
    drop((ann, ben));
    server.stop();

    let mut server = folder.start();
    assert_eq!(server.join(&token).err(), Some(401), "after a restart");
    let answer = post(server.admin(), "/v1/restore", &json!({"user": "player-1"}));
    assert_eq!(answer.status, 200);
    assert!(server.join(&token).is_ok());
    server.stop();

    let server = folder.start();
    assert!(server.join(&token).is_ok(), "restored after a restart, too");
}

#[test]
fn a_login_service_exchanges_a_token_for_a_ticket() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let token = folder.token("player-1");
    let answer = post(server.admin(), "/v1/ticket", &json!({"token": token}));
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["expires_in_seconds"], 30);
    let ticket = body["ticket"].as_str().unwrap();
    let _ann = server.join_with_ticket(ticket).unwrap();
    assert_eq!(server.join_with_ticket(ticket).err(), Some(401));
    let answer = post(server.admin(), "/v1/ticket", &json!({"token": "guess"}));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "unauthorized")
    );
}

#[test]
fn behind_a_trusted_proxy_the_client_is_whom_the_proxy_names() {
    let trusting = config(
        "tick_hz = 60",
        "trusted_proxies = [\"127.0.0.0/8\"]\ntick_hz = 60",
    );
    let folder = Folder::new(&trusting);
    let mut server = folder.start();
    let token = folder.token("player-1");
    let _ann = server.join_through_proxy(&token, "203.0.113.9").unwrap();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let players = request(server.admin(), "GET", "/v1/players", Some(&bearer), "");
    assert_eq!(players.json()["players"][0]["peer"], "203.0.113.9:0");
    assert_eq!(
        server.join_through_proxy(&token, "unknown").err(),
        Some(400)
    );
}

#[test]
fn sigint_says_good_bye_and_exits_with_0() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    server.signal("INT");
    assert_eq!(close_code(&mut ann), 1001);
    assert_eq!(close_code(&mut ben), 1001);
    // The client library has queued the answer to the Close; send it.
    let _ = (ann.flush(), ben.flush());
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_second_signal_exits_at_once() {
    let patient = "[limits]\nclose_timeout_seconds = 60\nshutdown_timeout_seconds = 60";
    let folder = Folder::new(&config("[limits]", patient));
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut server = folder.start();
        // This one never answers the Close.
        let _mute = server.join(&folder.token("player-1")).unwrap();
        server.signal(first);
        server.logged("stopping");
        let asked = Instant::now();
        server.signal(second);
        assert_eq!(server.exit_code(), Some(130), "SIG{first}, SIG{second}");
        assert!(asked.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn keys_of_a_login_service_come_from_a_file() {
    let secret = r#"secret_env = "TEST_SECRET""#;
    let sources = [
        (
            r#"jwks_file = "keys/jwks.json""#,
            login_service::PUBLIC_JWKS,
        ),
        (
            r#"public_key_file = "keys/jwks.json""#,
            login_service::PUBLIC_KEY,
        ),
    ];
    for (line, keys) in sources {
        let folder = Folder::new(&config(secret, line));
        std::fs::create_dir(folder.path("keys")).unwrap();
        folder.write("keys/jwks.json", keys);
        let server = folder.start();
        let token = login_service::token("player-1");
        assert!(server.join(&token).is_ok(), "{line}");
        let unknown = login_service::token("nobody");
        assert_eq!(server.join(&unknown).err(), Some(401), "{line}");

        let output = folder.run(&["token", "--user", "player-1"]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            complaint.starts_with("error: auth.secret_env: "),
            "{complaint}"
        );
    }
}

#[test]
fn keys_of_a_login_service_come_from_its_url() {
    let secret = r#"secret_env = "TEST_SECRET""#;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            use std::io::{Read, Write};
            let _ = stream.read(&mut [0; 4096]);
            let keys = login_service::PUBLIC_JWKS;
            let length = keys.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{keys}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let line = format!(r#"jwks_url = "http://{address}/keys""#);
    let folder = Folder::new(&config(secret, &line));
    let server = folder.start();
    assert!(server.join(&login_service::token("player-1")).is_ok());
    let unknown = login_service::token("nobody");
    assert_eq!(server.join(&unknown).err(), Some(401));

    let elsewhere = config(secret, r#"jwks_url = "http://login.example/keys""#);
    let output = Folder::new(&elsewhere).run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        complaint.starts_with("error: auth.jwks_url: must be an https URL"),
        "{complaint}"
    );
}

#[test]
fn users_of_a_database_are_looked_up() {
    let folder = Folder::new(&config(FIXED_USERS, r#"sqlite = "players.db""#));
    let server = folder.start();
    let token = folder.token("player-1");
    assert_eq!(server.join(&token).err(), Some(401), "the table is empty");
    execute(
        &folder,
        "players.db",
        "INSERT INTO users (id, name) VALUES ('player-1', 'Ann')",
    );
    let mut ann = server.join(&token).unwrap();
    ann.send(Message::text("hi")).unwrap();
    assert!(text(&mut ann).contains(r#""name":"Ann""#));
}

#[test]
fn without_a_store_the_log_says_that_revocations_end_with_the_process() {
    let folder = Folder::new(&config("[revocations]\nsqlite = \"revocations.db\"\n", ""));
    let mut server = folder.start();
    server.logged("revocations are kept in memory only");
    server.stop();
}

#[test]
fn secrets_are_not_in_the_log() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start_logging("trace");
    let token = folder.token("player-1");
    let admin = server.admin();
    let _ann = server.join(&token).unwrap();
    assert_eq!(server.join("not-a-token").err(), Some(401));
    let issued = post(admin, "/v1/ticket", &json!({"token": token})).json();
    let ticket = issued["ticket"].as_str().unwrap();
    assert!(server.join_with_ticket(ticket).is_ok());
    assert_eq!(server.join_with_ticket(ticket).err(), Some(401));
    post(admin, "/v1/ticket", &json!({"token": "not-a-token-either"}));
    let wrong = request(admin, "GET", "/v1/players", Some("Bearer guessed"), "");
    assert_eq!(wrong.status, 401);
    post(admin, "/v1/revoke", &json!({"user": "player-1"}));
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    let log = server.whole_log();
    assert!(log.contains("revoke"), "{log}");
    for secret in [
        token.as_str(),
        "not-a-token",
        "not-a-token-either",
        ticket,
        "guessed",
        ADMIN_TOKEN,
        SECRET,
    ] {
        assert!(!log.contains(secret), "{secret:?} is in the log: {log}");
    }
}
