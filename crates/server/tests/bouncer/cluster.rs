//! Two servers that are one, over Redis.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    config::config,
    http_client::request,
    process::{ADMIN_TOKEN, Bouncer, Folder, Socket, close_code, text},
};

#[expect(dead_code, reason = "other tests stop and kill it")]
#[path = "../../../../tests/cluster/server.rs"]
mod server;

fn node(name: &str, url: &str) -> (Folder, Bouncer) {
    let cluster = format!("[cluster]\nredis_url_env = \"TEST_REDIS\"\nnode = \"{name}\"\n");
    let sections = "[revocations]\nsqlite = \"revocations.db\"\n";
    let folder = Folder::new(&config(sections, &cluster));
    let mut running = folder.start_with("info", &[("TEST_REDIS", url)]);
    let admin = running.admin();
    let deadline = Instant::now() + Duration::from_secs(20);
    while request(admin, "GET", "/readyz", None, "").status != 200 {
        assert!(Instant::now() < deadline, "not ready");
        std::thread::sleep(Duration::from_millis(5));
    }
    (folder, running)
}

/// Says it again and again. Returns the first message that the other one hears.
fn say_until_heard(speaker: &mut Socket, words: &str, listener: &mut Socket) -> String {
    let pause = Some(Duration::from_millis(100));
    listener.get_ref().set_read_timeout(pause).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline, "{words:?} is never heard");
        speaker.send(Message::text(words)).unwrap();
        match listener.read() {
            Ok(Message::Text(text)) => return text.as_str().to_owned(),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn two_servers_share_chat_and_decisions() {
    let Some(redis) = server::Server::start() else {
        return;
    };
    let (folder, one) = node("one", &redis.url());
    let (_folder, mut two) = node("two", &redis.url());
    let mut ann = one.join(&folder.token("player-1")).unwrap();
    let mut ben = two.join(&folder.token("player-2")).unwrap();
    // Until the other one listens, chat is lost.
    let heard = say_until_heard(&mut ann, "hello", &mut ben);
    for message in [text(&mut ann), heard] {
        let message: Value = serde_json::from_str(&message).unwrap();
        let expected = json!({"from": {"id": "player-1", "name": "Ann"}, "text": "hello"});
        assert_eq!(message, expected);
    }
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let revoke = r#"{"user":"player-1"}"#;
    let answer = request(two.admin(), "POST", "/v1/revoke", Some(&bearer), revoke);
    assert_eq!(answer.status, 200);
    assert_eq!(one.join(&folder.token("player-1")).err(), Some(401));
    assert_eq!(close_code(&mut ann), 4101);
    one.stop();
    two.stop();
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_being_shown() {
    let cluster = "[cluster]\nredis_url_env = \"TEST_SECRET\"\nnode = \"one\"\n";
    let sections = "[revocations]\nsqlite = \"revocations.db\"\n";
    let output = Folder::new(&config(sections, cluster)).run(&[]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("cluster.redis_url_env: "), "{words}");
    assert!(!words.contains(crate::process::SECRET), "{words}");
}
