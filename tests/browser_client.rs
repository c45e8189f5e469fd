//! `assets/client/` in Node: beside a server that does what each test needs, and with the real one.

#[path = "chat/talker.rs"]
#[expect(dead_code, reason = "only the game is needed")]
mod talker;

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use bevy_bouncer::{DisconnectReason, PlayerCommands, User};
use bevy_bouncer_chat::{ChatOptions, ChatPlugin, RoomHistory};
use bevy_ecs::prelude::*;
use support::*;

/// A copy of the tests with what they need installed. `None` when Node is not installed, which is an error
/// in CI.
fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    if Command::new("npm").arg("--version").output().is_err() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "node and npm must be installed");
        eprintln!("skipped: node and npm are not installed");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-client");
    for folder in ["assets/client", "tests/client"] {
        fs::create_dir_all(target.join(folder)).unwrap();
        for entry in fs::read_dir(source.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), target.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    let folder = target.join("tests/client");
    let installed = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(installed.success(), "npm ci");
    Some(folder)
}

fn run(script: &[&str]) {
    let Some(folder) = folder() else { return };
    let run = Command::new("npm")
        .arg("run")
        .args(script)
        .current_dir(folder)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    let failures = output
        .lines()
        .skip_while(|line| !line.starts_with("not ok"));
    let failures: Vec<_> = failures.take(40).collect();
    assert!(run.status.success(), "{}\n{output}", failures.join("\n"));
}

#[test]
fn the_client_does_what_its_tests_say() {
    run(&["--silent", "test"]);
}

#[test]
fn the_type_declarations_fit_a_use_of_all_of_them() {
    run(&["--silent", "types"]);
}

#[test]
fn the_package_is_one_that_bundlers_node_and_typescript_understand() {
    run(&["--silent", "package"]);
}

#[test]
fn nothing_is_lost_or_said_twice_with_a_real_server_that_ends_connections() {
    let Some(folder) = folder() else { return };
    let options = ChatOptions {
        messages_per_second: 1000.0,
        ..talker::options()
    };
    let mut config = config();
    config.limits.replacements_per_minute = 1000;
    config.messages.reconnect_first = Duration::from_millis(20);
    config.messages.reconnect_longest = Duration::from_millis(200);
    let mut game = talker::open_with(config, ChatPlugin::new(options).unwrap());
    let mut script = Command::new("node")
        .arg("real_server.mjs")
        .arg(format!("ws://{}/ws", game.address))
        .args([token("ann"), token("bob")])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE * 3;
    let room = talker::room(&mut game, "a");
    let (mut next, mut ended) = (5, 0);
    while script.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the script does not end");
        game.tick();
        // In the middle of what is being said, and not when all of it is: who is away gets no whisper.
        let said = game.world().get::<RoomHistory>(room).unwrap().last_seq();
        if said >= next && said < 60 && game.players() == 2 {
            ended += game.run(end_connections);
            next = said + 7;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = script.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done");
    assert!(ended >= 6, "{ended} connections were ended");
}

fn end_connections(players: Query<Entity, With<User>>, mut commands: Commands) -> usize {
    for player in &players {
        let mut player = commands.entity(player);
        player.disconnect(DisconnectReason::Draining, None);
    }
    players.iter().count()
}
