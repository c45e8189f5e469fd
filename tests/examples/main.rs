//! The small examples do what they say: each is started, and talked to by the example `client`.

#[path = "../lobby_browser/browser.rs"]
#[expect(dead_code, reason = "one page needs little")]
mod browser;
#[path = "../lobby_browser/driver.rs"]
mod driver;
#[path = "../http_client/mod.rs"]
#[expect(dead_code, reason = "the browser is driven by requests")]
mod http_client;
mod program;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use bevy_bouncer::{TokenIssuer, UserId};
use driver::Driver;
use program::{PATIENCE, Server, connect, free_address, try_to_connect};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

#[test]
fn minimal_tells_how_to_connect_and_passes_on_what_is_said() {
    let server = Server::start("minimal");
    let [ann, ben] = server.commands();
    let mut at_ann = connect(&ann);
    at_ann.prints("Ann joined");
    let at_ben = connect(&ben);
    at_ann.prints("Ben joined");
    at_ben.prints("Ben joined");
    at_ann.type_line("hi");
    at_ben.prints("hi");
}

#[test]
fn minimal_prints_what_connects_from_the_console_of_a_browser() {
    let address = free_address();
    let server = Server::start_on("minimal", &[&address]);
    let page = server.rest_of("// As Ann, in the console of a browser that shows ");
    assert_eq!(page, format!("http://{address}/healthz:"));
    let code = server.rest_of("ws = new WebSocket(");
    let [url, subprotocol, bearer] = quoted(&code);
    // What a browser sends for this code on this page.
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Origin", format!("http://{address}").parse().unwrap());
    let offer = format!("{subprotocol}, {bearer}").parse().unwrap();
    headers.insert("Sec-WebSocket-Protocol", offer);
    let (mut socket, answer) = tokio_tungstenite::tungstenite::connect(request).unwrap();
    assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], subprotocol);
    assert_eq!(socket.read().unwrap(), Message::text("Ann joined"));
}

/// The same in a browser, where there is one.
#[test]
fn minimal_is_talked_to_from_the_console_of_a_browser() {
    let Some(driver) = Driver::start() else {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "chromium and chromedriver must be installed");
        eprintln!("skipped: chromium and chromedriver are not installed");
        return;
    };
    let address = free_address();
    let server = Server::start_on("minimal", &[&address]);
    let lines = [
        format!(
            "ws = new WebSocket({}",
            server.rest_of("ws = new WebSocket(")
        ),
        format!("ws.onmessage = {}", server.rest_of("ws.onmessage = ")),
    ];
    let ben = server.next_command();

    let browser = driver.browser();
    browser.open(&format!("http://{address}/healthz"));
    browser.run("logged = []; console.log = text => logged.push(text)");
    // Pasted in one piece: what is heard in between would be lost.
    browser.run(&lines.join(";\n"));
    browser.expect_value("logged[0] ?? null", "Ann joined");
    let ben = connect(&ben);
    ben.prints("Ben joined");
    browser.run("ws.send('hi')");
    ben.prints("hi");
}

/// What stands between single quotes.
fn quoted<const N: usize>(code: &str) -> [&str; N] {
    let parts: Vec<&str> = code.split('\'').skip(1).step_by(2).collect();
    parts.try_into().unwrap()
}

#[test]
fn minimal_takes_the_secret_of_a_log_in_service() {
    let secret = "thirty-two bytes that two processes share";
    let server = Server::start_with("minimal", &[&free_address()], &[("SECRET", secret)]);
    let (url, _) = server.next_command();
    let service = TokenIssuer::hs256(secret).unwrap().audience("game");
    let token = service.issue(&UserId::new("player-2").unwrap()).unwrap();
    connect(&(url.clone(), token)).prints("Ben joined");

    let stranger = TokenIssuer::hs256([7; 32]).unwrap().audience("game");
    let token = stranger.issue(&UserId::new("player-2").unwrap()).unwrap();
    let refusal = try_to_connect(&(url, token)).err().unwrap();
    assert!(refusal.starts_with("refused: 401 "), "{refusal}");
    assert!(refusal.contains(r#""error":"unauthorized""#), "{refusal}");
}

#[test]
fn rooms_and_teams_are_heard_by_their_members_only() {
    let server = Server::start("rooms_and_teams");
    let [ann, ben, cem] = server.commands().map(|command| {
        let player = connect(&command);
        let team = player.rest_of("you play for ");
        (player, team)
    });
    assert_eq!(
        (&ann.1, &ben.1, &cem.1),
        (&"red".into(), &"blue".into(), &"red".into())
    );
    let (mut ann, mut ben, cem) = (ann.0, ben.0, cem.0);
    ann.type_line("hello");
    ann.prints("Ann: hello");
    cem.prints("Ann: hello");
    ben.type_line("/team red");
    // The first that Ben hears: nothing of the other team's came before.
    ben.prints("you play for red");
    ann.type_line("welcome");
    ben.prints("Ann: welcome");
    cem.prints("Ann: welcome");
}

#[test]
fn team_chat_answers_commands_and_has_a_room_for_each_team() {
    let server = Server::start("team_chat");
    let [ann, ben] = server.commands();
    let (mut ann, mut ben) = (connect(&ann), connect(&ben));
    let says = |player: &mut program::Program, room: &str, text: &str| {
        player.type_line(&format!(
            r#"{{"op":"chat.send","room":"{room}","d":{{"text":"{text}"}}}}"#
        ));
    };
    for player in [&mut ann, &mut ben] {
        player.rest_of(r#"{"op":"room.joined","room":"lobby""#);
        says(player, "lobby", "/team red");
        player.rest_of(r#"{"op":"room.joined","room":"red""#);
        player.rest_of(r#"{"op":"notice","room":"lobby","text":"You play for red.""#);
    }
    says(&mut ann, "red", "for us alone");
    let heard = ben.rest_of(r#"{"op":"chat.msg","room":"red","seq":1"#);
    assert!(heard.contains("for us alone"), "{heard}");
    says(&mut ben, "red", "/team blue");
    ben.rest_of(r#"{"op":"room.joined","room":"blue""#);
    ben.rest_of(r#"{"op":"room.closed","room":"red"}"#);
    says(&mut ben, "blue", "/roll");
    ben.rest_of(r#"{"op":"notice","room":"blue","text":"You rolled a 4.""#);
}

#[test]
fn custom_authenticator_lets_in_who_is_invited() {
    let server = Server::start("custom_authenticator");
    let [ann, ben] = server.commands();
    connect(&ann).prints("welcome Ann, you play White");
    connect(&ben).prints("welcome Ben, you play Black");
    let guessed = (ann.0, "0".repeat(64));
    let refusal = try_to_connect(&guessed).err().unwrap();
    assert!(refusal.starts_with("refused: 401 "), "{refusal}");
}

#[test]
fn revoke_and_ban_keep_out_until_restored() {
    let server = Server::start("revoke_and_ban");
    let [mia, ben] = server.commands();
    let mut moderator = connect(&mia);
    let mut decide = |decision: &str| {
        moderator.type_line(decision);
        moderator.rest_of("done");
    };

    let mut player = connect(&ben);
    player.type_line("ban");
    player.prints("only moderators may do that");
    decide("kick");
    player.prints("closed: 4004 kicked: take a break");
    let player = connect(&ben);
    decide("revoke");
    player.prints("closed: 4101 token_revoked");
    let refusal = try_to_connect(&ben).err().unwrap();
    assert!(refusal.starts_with("refused: 401 "), "{refusal}");
    decide("restore");
    let player = connect(&ben);
    decide("ban");
    player.prints("closed: 4403 banned: cheating");
    let refusal = try_to_connect(&ben).err().unwrap();
    assert!(refusal.starts_with("refused: 403 "), "{refusal}");
    assert!(refusal.contains("cheating"), "{refusal}");
    decide("restore");
    connect(&ben);
}

#[test]
fn game_server_decides_where_players_stand() {
    let server = Server::start("game_server");
    let [ann, ben] = server.commands();
    let mut at_ann = connect(&ann);
    at_ann.prints(r#"{"Ann":[0,0]}"#);
    at_ann.type_line("right");
    at_ann.prints(r#"{"Ann":[1,0]}"#);
    at_ann.type_line("fly");
    at_ann.type_line("down");
    at_ann.prints(r#"{"Ann":[1,1]}"#);
    let mut at_ben = connect(&ben);
    for at in [&at_ann, &at_ben] {
        at.prints(r#"{"Ann":[1,1],"Ben":[0,0]}"#);
    }
    // The edge of the board.
    at_ben.type_line("up");
    at_ann.type_line("up");
    at_ben.prints(r#"{"Ann":[1,0],"Ben":[0,0]}"#);
}

#[test]
fn two_nodes_are_one_server() {
    let server = Server::start_on("two_nodes", &[&free_address(), &free_address()]);
    let [ann_on_1, ben_on_1, _, ben_on_2] = server.commands();
    let deadline = Instant::now() + PATIENCE;
    let join = |command| loop {
        match try_to_connect(command) {
            Ok(client) => return client,
            // A node lets nobody in before it knows what the others decided.
            Err(line) => assert!(line.starts_with("refused: 503 "), "{line}"),
        }
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(50));
    };
    let (mut ann, mut ben) = (join(&ann_on_1), join(&ben_on_2));
    ann.type_line("hello");
    ben.prints("Ann: hello");
    ben.type_line("hello yourself");
    ann.rest_of("Ben: hello yourself");
    ann.type_line("/revoke");
    assert_eq!(ben.rest_of("closed: "), "4101 token_revoked");
    let refusal = try_to_connect(&ben_on_1).err().unwrap();
    assert!(refusal.starts_with("refused: 401 "), "{refusal}");
}

#[test]
fn every_example_says_how_it_is_started_and_is_short() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let header: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let command = format!("cargo run --example {name}");
        assert!(header.contains(&command), "{name}: {command}");
        assert!(name == "lobby" || text.lines().count() <= 120, "{name}");
        count += 1;
    }
    assert!(count >= 8, "{count} examples");
}
