//! What the lobby says when it cannot start: which port, or which file.

use std::{fs, net::TcpListener};

use crate::{lobby, program::Lobby};

#[test]
fn a_port_that_is_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (ports, what) in [([port, 0], "the page"), ([0, port], "the WebSockets")] {
        let data = tempfile::tempdir().unwrap();
        let said = Lobby::fails(data.path(), ports);
        let words = format!("The lobby cannot start: port {port} for {what} cannot be opened: ");
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn a_second_lobby_with_the_same_data_does_not_start() {
    let (data, lobby) = lobby();
    let said = Lobby::fails(data.path(), [0, 0]);
    let path = data.path().display();
    let words = format!("another lobby is running with the data in {path}");
    assert!(said.contains(&words), "{said}");
    // The first one goes on, and the next one starts when it has ended, however that was.
    assert_eq!(lobby.get("/", "").status, 200);
    drop(lobby);
    Lobby::start(data.path());
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let said = Lobby::fails(&file, [0, 0]);
    assert!(said.contains(&file.display().to_string()), "{said}");
    for name in ["token.key", "accounts.db", "revocations.db", "chat.db"] {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join(name);
        fs::write(&file, "this is not what it should be").unwrap();
        let said = Lobby::fails(data.path(), [0, 0]);
        let words = format!("The lobby cannot start: {}: ", file.display());
        assert!(said.contains(&words), "{said}");
    }
}
