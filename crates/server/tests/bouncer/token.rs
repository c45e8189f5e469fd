//! The sub-command that issues tokens.

use std::time::{Duration, Instant};

use crate::{
    config::CONFIG,
    process::{Folder, close_code},
};

#[test]
fn the_token_command_checks_what_it_is_asked_for() {
    let folder = Folder::new(CONFIG);
    let token = folder.token("player-1");
    assert_eq!(token.split('.').count(), 3);
    for arguments in [
        &["token"][..],
        &["token", "--user", ""],
        &["token", "--user", "a", "--ttl-seconds", "0"],
        &["token", "--user", "a", "--ttl-seconds", "86401"],
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(output.stderr.starts_with(b"error: "));
    }
}

#[test]
fn a_token_lives_as_long_as_asked() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let output = folder.run(&["token", "--user", "player-1", "--ttl-seconds", "2"]);
    let token = String::from_utf8(output.stdout).unwrap();
    let joined = Instant::now();
    let mut ann = server.join(token.trim()).unwrap();
    assert_eq!(close_code(&mut ann), 4100);
    assert!(joined.elapsed() < Duration::from_secs(10));
}
