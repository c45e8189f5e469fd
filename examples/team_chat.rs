//! The chat from the game's side: it puts players into rooms, answers commands, and has rooms for whoever is in a team.
//!
//! ```sh
//! cargo run --example team_chat
//! ```
//!
//! Players say [`bouncer.v1`](https://docs.rs/bevy_bouncer_chat), which a page does with the client in `assets/client/`. In the example
//! `client` type what such a client sends:
//!
//! ```text
//! {"op": "chat.send", "room": "lobby", "d": {"text": "/team red"}}
//! {"op": "chat.send", "room": "red", "d": {"text": "for us alone"}}
//! {"op": "chat.send", "room": "red", "d": {"text": "/roll"}}
//! ```

use std::{error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;
use bevy_bouncer_chat::*;

mod try_out;

/// The team of a player.
#[derive(Component, Clone, PartialEq)]
struct Team(String);

fn main() -> Result<AppExit, Box<dyn Error>> {
    let secret = try_out::secret()?;
    let players = [User::new("player-1", "Ann")?, User::new("player-2", "Ben")?];
    let tokens = try_out::rules(secret)?.users(MapDirectory::new(players.clone()));
    let config = BouncerConfig::new(try_out::address()).subprotocols([SUBPROTOCOL]);
    let door = BouncerPlugin::bind(config, tokens)?;
    try_out::print_chat_commands(secret, door.local_addr(), &players)?;

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .set_error_handler(bevy::ecs::error::error)
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_plugins(ChatPlugin::new(ChatOptions::default())?)
        .add_systems(Startup, open_rooms)
        .add_observer(welcome)
        .add_observer(obey)
        .add_observer(change_sides)
        .run())
}

/// A team's room is for those who have the component, as long as they have it.
fn open_rooms(mut commands: Commands) {
    commands.spawn((Name::new("lobby"), Room::open("lobby")));
    for team in ["red", "blue"] {
        let is_in = move |world: &World, player| {
            let own = world.get::<Team>(player);
            own.is_some_and(|own| own.0 == team)
        };
        commands.spawn((Name::new(team), Room::open(team).only_if(is_in)));
    }
}

fn welcome(
    joined: On<Add<User>>,
    rooms: Query<(Entity, &Name), With<Room>>,
    mut commands: Commands,
) {
    let player = joined.entity;
    for (room, _) in rooms.iter().filter(|(_, name)| name.as_str() == "lobby") {
        commands.queue(Enter { player, room });
    }
}

/// What begins with a slash is a command: nobody else hears of it.
fn obey(mut speaking: On<Speaking>, mut commands: Commands) {
    let Some(command) = speaking.text().strip_prefix('/') else {
        return;
    };
    let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["team", team @ ("red" | "blue")] => {
            commands
                .entity(speaking.player())
                .insert(Team(team.to_owned()));
            speaking.handled(format!("You play for {team}."));
        }
        // A game has dice of its own.
        ["roll"] => speaking.handled("You rolled a 4."),
        _ => speaking.handled("There is no such command."),
    }
}

/// The room of the team before is not for this player any more, and is left without a word of ours.
fn change_sides(
    chosen: On<Insert<Team>>,
    teams: Query<&Team>,
    rooms: Query<(Entity, &Name), With<Room>>,
    mut commands: Commands,
) -> Result {
    let player = chosen.entity;
    let team = teams.get(player)?;
    for (room, _) in rooms.iter().filter(|(_, name)| name.as_str() == team.0) {
        commands.queue(Enter { player, room });
    }
    Ok(())
}
