//! Clients that agreed on `bouncer.v1`: their messages are requests to the server, and `say` is the game's.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    config::config,
    process::{Bouncer, Folder, Socket, text},
};

fn both(change: (&str, &str)) -> Folder {
    let subprotocols = config(r#"["game.v1"]"#, r#"["game.v1", "bouncer.v1"]"#);
    Folder::new(&subprotocols.replace(change.0, change.1))
}

fn join_bouncer_v1(server: &Bouncer, folder: &Folder, user: &str) -> Socket {
    let token = format!("Bearer {}", folder.token(user));
    let mut socket = server
        .join_as_requested(&token, Some("bouncer.v1"))
        .unwrap();
    assert_eq!(hear(&mut socket)["op"], "hello");
    socket
}

fn hear(socket: &mut Socket) -> Value {
    serde_json::from_str(&text(socket)).unwrap()
}

/// The next message with this name.
fn hear_op(socket: &mut Socket, op: &str) -> Value {
    loop {
        let heard = hear(socket);
        if heard["op"] == op {
            return heard;
        }
    }
}

#[test]
fn everybody_hears_everybody_in_the_form_of_the_own_subprotocol() {
    let folder = both(("", ""));
    let server = folder.start();
    let mut ann = join_bouncer_v1(&server, &folder, "player-1");
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    let said = json!({"from": {"id": "player-1", "name": "Ann"}, "text": "one"});
    ann.send(Message::text(
        r#"{"op": "say", "id": "s", "d": {"text": "one"}}"#,
    ))
    .unwrap();
    assert_eq!(hear(&mut ben), said);
    assert_eq!(hear_op(&mut ann, "ack")["re"], "s");
    assert_eq!(hear_op(&mut ann, "said"), json!({"op": "said", "d": said}));
    // To a client without the subprotocol, the same text is only words.
    ben.send(Message::text(r#"{"op": "say"}"#)).unwrap();
    assert_eq!(hear(&mut ben)["text"], r#"{"op": "say"}"#);
    assert_eq!(hear_op(&mut ann, "said")["d"]["from"]["id"], "player-2");
}

#[test]
fn nothing_else_that_a_client_of_bouncer_v1_writes_is_passed_on() {
    for change in [("", ""), ("echo = false", "echo = true")] {
        let folder = both(change);
        let server = folder.start();
        let mut ann = join_bouncer_v1(&server, &folder, "player-1");
        let request = json!({"op": "auth.refresh", "id": "r", "token": "eyJ.secret"});
        ann.send(Message::text(request.to_string())).unwrap();
        let say = json!({"op": "say", "d": {"text": "last"}});
        ann.send(Message::text(say.to_string())).unwrap();
        let (mut said, mut answered) = (false, false);
        while !(said && answered) {
            let heard = hear(&mut ann);
            assert!(!heard.to_string().contains("eyJ.secret"), "{heard}");
            said |= heard["op"] == "said";
            answered |= heard["re"] == "r";
        }
    }
}

#[test]
fn p07_a_client_of_bouncer_v1_outlives_its_first_token_by_a_new_one() {
    let folder = Folder::new(&config(r#"["game.v1"]"#, r#"["game.v1", "bouncer.v1"]"#));
    let server = folder.start();
    let token = |seconds: &str| {
        let output = folder.run(&["token", "--user", "player-1", "--ttl-seconds", seconds]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = format!("Bearer {}", token("4"));
    let mut ann = server
        .join_as_requested(&first, Some("bouncer.v1"))
        .unwrap();
    let begun = std::time::Instant::now();
    assert!(text(&mut ann).contains(r#""op":"hello""#));
    let refresh = json!({"op": "auth.refresh", "id": "r", "token": token("600")});
    ann.send(Message::text(refresh.to_string())).unwrap();
    let is_answered = |said: &str| said.contains(r#""re":"r""#);
    let mut said = text(&mut ann);
    while !is_answered(&said) {
        said = text(&mut ann);
    }
    assert!(said.contains(r#""op":"ack""#), "{said}");
    // The next sign of life comes long after the first token has ended.
    while begun.elapsed() < std::time::Duration::from_secs(6) {
        let said = text(&mut ann);
        assert!(!said.contains("auth.expiring") || begun.elapsed().as_secs() < 4);
    }
}
