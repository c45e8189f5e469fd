//! Every command of the documents does what they say, in a fresh directory.

use crate::{
    markdown::{blocks, documents},
    terminal::{Terminal, fresh_directory},
    walk::Walk,
};

/// Documents with commands, each with a test of its own below.
const WALKED: &[&str] = &["README.md"];

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
