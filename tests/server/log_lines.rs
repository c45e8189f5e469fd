//! What the operator reads of what a game does wrong, and of decisions that hit nobody.

use bevy_app::App;
use bevy_bouncer::*;

use crate::support::{log::Log, *};

#[test]
fn a_door_that_nobody_has_opened_is_named() {
    let (log, _capture) = Log::of_this_thread();
    let mut app = App::new();
    app.add_plugins(BouncerPlugin::bind(config(), authenticator()).unwrap());
    app.update();
    assert!(
        log.text().contains("the door is not open"),
        "{}",
        log.text()
    );
}

#[test]
fn a_door_that_is_open_is_not() {
    let (log, _capture) = Log::of_this_thread();
    Game::start().tick();
    assert!(!log.text().contains("the door is not open"));
}

#[test]
fn a_revocation_of_who_is_gone_has_its_line_in_the_audit_log() {
    let (log, _capture) = Log::of_this_thread();
    let mut game = Game::start();
    let client = game.join("player-1");
    let entity = game.entity_of("player-1");
    drop(client);
    game.until("the entity is gone", |game| game.entities() == 0);
    let lines = |log: &Log| {
        let text = log.text();
        let lines = text.lines();
        lines
            .filter(|line| line.contains("bevy_bouncer::audit") && line.contains("WARN"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&log), [""; 0]);
    game.command(entity, |player| _ = player.revoke(|entry| entry.ban()));
    let [line] = &lines(&log)[..] else {
        panic!("{}", log.text());
    };
    assert!(line.contains("no one is revoked"), "{line}");
    assert!(line.contains(&entity.to_string()), "{line}");
    game.join("player-1");
}

#[test]
fn messages_that_no_client_can_send_are_named() {
    #[derive(serde::Deserialize)]
    struct Move;

    for (subprotocol, is_heard) in [("game.v1", false), ("bouncer.v1", true)] {
        let (log, _capture) = Log::of_this_thread();
        let config = config().subprotocols([subprotocol]);
        let door = BouncerPlugin::bind(config, authenticator()).unwrap();
        let _game = Game::open_with(door, |app| _ = app.add_client_message::<Move>("move"));
        let warned = log.text().contains("no client can send the messages");
        assert_eq!(warned, !is_heard, "{}", log.text());
    }
}
