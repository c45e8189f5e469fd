//! Every command of the documents does what they say, in a fresh directory.

use std::{net::TcpListener, path::Path, process::Command};

use crate::{
    markdown::{self, blocks, documents},
    terminal::{Terminal, fresh_directory},
    walk::Walk,
};

/// Documents with commands, each with a test of its own below.
const WALKED: &[&str] = &[
    "README.md",
    "docs/chat.md",
    "docs/nodes.md",
    "docs/server.md",
];

#[test]
fn every_document_with_commands_is_walked_through() {
    for document in documents() {
        let has_commands = blocks(&document).iter().any(|block| block.language == "sh");
        let is_walked = WALKED.contains(&document.as_str());
        assert_eq!(has_commands, is_walked, "{document}");
    }
}

#[test]
fn readme() {
    let directory = fresh_directory("readme");
    let mut readme = Walk::through("README.md", &[9000]);

    let mut lobby = Terminal::open(&directory, "clone");
    lobby.start(&readme.next("cargo run --example lobby"), "\nOpen http://");
    drop(lobby);
    readme.skip("cargo test", "this is a part of it");

    let mut server = Terminal::open(&directory, "");
    server.run(&readme.next("cargo new my-game"));
    readme.write("src/main.rs", &directory.join("my-game"));
    server.start(&readme.next("cargo run"), "Listening on ws://127.0.0.1:");
    let mut tokens = ["Ann", "Ben"].map(|name| {
        server.wait_for(&format!("# As {name}"));
        server.wait_for("/ws ");
        server.rest_of_line()
    });

    let connect = readme.next("cargo run --example client -- ws://127.0.0.1:9000/ws TOKEN");
    let [mut ann, mut ben] = tokens.each_mut().map(|token| {
        let mut client = Terminal::open(&directory, "clone");
        client.start(&connect.replace("TOKEN", token), "\nconnected\n");
        client
    });
    ann.wait_for("Ben joined\n");
    ben.type_line("hi");
    ann.wait_for("hi\n");

    // The other way to have Bevy, in the same package.
    server = Terminal::open(&directory, "my-game");
    server.run(&readme.next(
        "cargo add bevy_internal@0.20 --rename bevy --no-default-features --features std,bevy_log",
    ));
    server.run("cargo build");
    readme.end();
}

/// The first server of the crate's documentation, which has one player.
#[test]
fn the_guide_s_first_server_serves() {
    let guide = markdown::read("src/lib.rs");
    let (_, after) = guide.split_once("//! # The first server").unwrap();
    let (_, after) = after.split_once("//! ```no_run\n").unwrap();
    let (code, _) = after.split_once("//! ```\n").unwrap();
    let lines = code
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let code: Vec<&str> = lines.map(|line| line.trim_start_matches("# ")).collect();
    // The port of the guide, where it is free.
    let address = free_address();
    let code = code.join("\n").replace("127.0.0.1:9000", &address);

    let directory = fresh_directory("guide");
    let mut server = Terminal::open(&directory, "");
    // With what the README adds as well, so that nothing is compiled twice.
    server.run(
        "cargo new first-server
        cd first-server
        cargo add bevy_bouncer getrandom
        cargo add bevy@0.20 --no-default-features --features std,bevy_log
        cargo add bevy_app@0.20 --no-default-features --features std",
    );
    std::fs::write(directory.join("first-server/src/main.rs"), code).unwrap();
    server.run("export SECRET='thirty-two bytes, or a few more of them'");
    server.start("cargo run", &format!("ws://{address}/ws "));
    let token = server.rest_of_line();
    let mut client = Terminal::open(&directory, "clone");
    let command = format!("cargo run --example client -- ws://{address}/ws {token}");
    client.start(&command, "\nconnected\n");
    // It goes on: the client is told when it does not.
    client.type_line("hi");
    client.type_line("hi");
    drop(server);
    client.wait_for("\n");
}

/// The code of the page is a documentation test of this crate; here the command is tried.
#[test]
fn chat() {
    let directory = fresh_directory("chat");
    let mut chat = Walk::through("docs/chat.md", &[]);
    let mut terminal = Terminal::open(&directory, "");
    terminal.run("cargo new my-chat\ncd my-chat");
    terminal.run(&chat.next("cargo add bevy_bouncer_chat --features sqlite"));
    let tree = terminal.run("cargo tree --depth 1 --edges normal");
    assert!(tree.contains("bevy_bouncer_chat v"), "{tree}");
    chat.end();
}

/// Two nodes, with a player on each.
#[test]
fn nodes() {
    if Command::new("redis-server")
        .arg("--version")
        .output()
        .is_err()
    {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "redis-server must be installed");
        eprintln!("skipped: redis-server is not installed");
        return;
    }
    let directory = fresh_directory("nodes");
    build_what_is_run(&directory);
    let mut nodes = Walk::through("docs/nodes.md", &[6390, 9005, 9105]);
    nodes.skip("apt-get install redis-server", "it changes the machine");
    let [mut redis, mut one, mut two, mut ann, mut ben] =
        std::array::from_fn(|_| Terminal::open(&directory, "clone"));
    redis.start(
        &nodes.next("redis-server --port 6390 --appendonly yes --appendfsync always"),
        "Ready to accept connections",
    );
    one.start(
        &nodes.next("(umask 077; cat > fleet.env) <<END"),
        ": listening on ",
    );
    two.start(&nodes.next(". ./fleet.env"), ": listening on ");
    ann.start(&nodes.next(". ./fleet.env"), "\nconnected\n");
    ben.start(&nodes.next(". ./fleet.env"), "\nconnected\n");
    ann.type_line("hi");
    ben.wait_for(r#""text":"hi"}"#);
    nodes.end();
}

/// The operator's guide, in its four terminals.
#[test]
fn server() {
    let directory = fresh_directory("server");
    build_what_is_run(&directory);
    let mut guide = Walk::through("docs/server.md", &[9005, 9006]);
    let [mut server, mut ann, mut ben, mut operator] =
        std::array::from_fn(|_| Terminal::open(&directory, "clone"));
    let secrets = ". ./secrets.env";
    let serve = "cargo run -p bevy_bouncer_server -- --config server.toml";
    let connect = r#"cargo run --example client -- ws://127.0.0.1:9005/ws "$(cat ann.token)""#;

    server.run(&guide.next("(umask 077; cat > secrets.env) <<END"));
    let configure = "cargo run -p bevy_bouncer_server -- default-config > server.toml";
    server.run(&guide.next(configure));
    // The program prints the ports of the guide.
    let file = directory.join("clone/server.toml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, guide.with_free_ports(&configuration)).unwrap();
    server.start(&guide.next(serve), ": listening on ");

    ann.start(&guide.next(secrets), "\nconnected\n");
    ben.start(&guide.next(secrets), "\nconnected\n");
    ann.type_line("hi");
    for player in [&mut ann, &mut ben] {
        player.wait_for(r#"{"from":{"id":"player-1","name":"Ann"},"text":"hi"}"#);
    }

    let players = operator.run(&guide.next(secrets));
    assert!(players.contains(r#""user":"player-2""#), "{players}");
    let revoked = operator.run(&guide.next(
        r#"operator http://127.0.0.1:9006/v1/revoke -d '{"user":"player-1","reason":"cheating"}'"#,
    ));
    assert!(revoked.contains(r#"{"ok":true,"cut":1}"#), "{revoked}");
    ann.wait_for("closed: 4101");
    ann.start(&guide.next(connect), "refused: 401");

    operator.run(&guide.next(r#"operator http://127.0.0.1:9006/v1/drain -d '{"exit":true}'"#));
    ben.wait_for("closed: 4000");
    server.start(&guide.next(serve), ": listening on ");
    ann.start(&guide.next(connect), "refused: 401");
    operator
        .run(&guide.next(r#"operator http://127.0.0.1:9006/v1/restore -d '{"user":"player-1"}'"#));
    ann.start(&guide.next(connect), "\nconnected\n");
    guide.end();
}

/// Before ports are chosen: a port that is free now may not be when the compiler is done.
fn build_what_is_run(directory: &Path) {
    let mut terminal = Terminal::open(directory, "clone");
    terminal.run("cargo build -p bevy_bouncer_server");
    terminal.run("cargo build --example client");
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
