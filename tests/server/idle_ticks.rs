//! A tick in which nothing happens costs nothing: what takes the whole world is skipped.

use bevy_app::{PostUpdate, PreUpdate};
use bevy_bouncer::*;
use bevy_bouncer_chat::{ChatOptions, ChatPlugin, Room};
use bevy_ecs::{
    change_detection::Tick,
    schedule::{InternedScheduleLabel, ScheduleLabel, Schedules},
    system::System,
};

use crate::support::*;

/// When each exclusive system ran last.
fn exclusive_runs(game: &Game, label: InternedScheduleLabel) -> Vec<Tick> {
    let schedule = game.app.world().resource::<Schedules>().get(label);
    let systems = schedule.unwrap().systems_with_access().unwrap();
    systems
        .filter(|(_, system)| system.access().is_exclusive())
        .map(|(_, system)| system.get_last_run())
        .collect()
}

fn all_runs(game: &Game) -> [Vec<Tick>; 3] {
    [PreUpdate.intern(), PostUpdate.intern(), AfterLast.intern()]
        .map(|label| exclusive_runs(game, label))
}

#[test]
fn an_idle_tick_runs_no_exclusive_system() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    client.settle();
    game.tick();
    game.tick();
    let before = all_runs(&game);
    assert_eq!(before.each_ref().map(Vec::len), [1, 1, 1]);
    for _ in 0..20 {
        game.tick();
    }
    assert_eq!(all_runs(&game), before);

    client.send("hello");
    game.until("the message", |game| !game.seen().frames.is_empty());
    let after = all_runs(&game);
    assert_ne!(after[0], before[0], "there was something to receive");
    assert_eq!(after[1..], before[1..], "and nothing else to do");
}

#[test]
fn a_tick_with_a_departure_or_a_drain_is_not_idle() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    game.tick();
    let before = all_runs(&game);
    drop(game.bouncer.revoke(user("player-1")));
    game.tick();
    assert_ne!(all_runs(&game)[0], before[0]);
    assert_eq!(client.close_code(), 4101);

    game.tick();
    let before = all_runs(&game);
    game.bouncer.drain(Drain::default());
    game.tick();
    assert_ne!(all_runs(&game)[0], before[0], "the game hears of a drain");
}

#[test]
fn an_idle_tick_of_a_chat_runs_no_exclusive_system() {
    let chat = ChatPlugin::new(ChatOptions::default()).unwrap();
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let mut game = Game::open_with(door, |app| _ = app.add_plugins(chat));
    game.world().spawn(Room::open("lobby"));
    let mut client = game.join("player-1");
    client.settle();
    game.tick();
    game.tick();
    let before = all_runs(&game);
    assert_eq!(before.each_ref().map(Vec::len), [4, 3, 2]);
    for _ in 0..20 {
        game.tick();
    }
    assert_eq!(all_runs(&game), before);
}
