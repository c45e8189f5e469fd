//! Rooms and teams of the game's own: a [`Group`] is made when its members change, and then sending to it
//! costs nothing for each message.
//!
//! ```sh
//! cargo run --example rooms_and_teams
//! ```
//!
//! Players come into the smaller of two teams, and hear their own team only. Type `/team red` or
//! `/team blue` to change sides.

use std::{error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;

mod try_out;

/// The team of a player.
#[derive(Component)]
#[relationship(relationship_target = Members)]
struct Plays(Entity);

/// The players of a team. Bevy keeps it up to date, also when a player leaves.
#[derive(Component)]
#[relationship_target(relationship = Plays)]
struct Members(Vec<Entity>);

fn main() -> Result<AppExit, Box<dyn Error>> {
    let secret = try_out::secret()?;
    let players = [
        User::new("player-1", "Ann")?,
        User::new("player-2", "Ben")?,
        User::new("player-3", "Cem")?,
    ];
    let tokens = try_out::rules(secret)?.users(MapDirectory::new(players.clone()));
    let door = BouncerPlugin::bind(BouncerConfig::new(try_out::address()), tokens)?;
    try_out::print_commands(secret, door.local_addr(), &players)?;

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .set_error_handler(bevy::ecs::error::error)
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_systems(Startup, found_teams)
        .add_observer(join_the_smaller_team)
        .add_systems(Update, (regroup, listen).chain())
        .run())
}

fn found_teams(mut commands: Commands) {
    commands.spawn((Name::new("red"), Group::default()));
    commands.spawn((Name::new("blue"), Group::default()));
}

fn join_the_smaller_team(
    joined: On<Add<User>>,
    teams: Query<(Entity, &Name, Option<&Members>), With<Group>>,
    mut commands: Commands,
    mut outbox: Outbox,
) -> Result {
    let size = |members: Option<&Members>| members.map_or(0, |members| members.len());
    if let Some((team, name, _)) = teams.iter().min_by_key(|(_, _, members)| size(*members)) {
        commands.entity(joined.entity).insert(Plays(team));
        outbox.send(joined.entity, format!("you play for {name}"))?;
    }
    Ok(())
}

/// A group holds connections as they were: it is made anew when the members of its team change.
fn regroup(
    mut teams: Query<(&Members, &mut Group), Changed<Members>>,
    connections: Query<&Connection>,
) {
    for (members, mut group) in &mut teams {
        *group = connections.iter_many(members.iter()).flatten().collect();
    }
}

fn listen(
    mut frames: MessageReader<ClientFrame>,
    players: Query<(&User, &Plays)>,
    teams: Query<(Entity, &Name, &Group)>,
    mut commands: Commands,
    mut outbox: Outbox,
) {
    // With `?` one message that is not taken would keep those of the other players waiting.
    for frame in frames.read() {
        let Some(text) = frame.payload.as_text() else {
            continue;
        };
        if let Some(wanted) = text.strip_prefix("/team ") {
            let found = teams.iter().find(|(_, name, _)| name.as_str() == wanted);
            if let Some((team, name, _)) = found {
                commands.entity(frame.entity).insert(Plays(team));
                let words = format!("you play for {name}");
                outbox.send(frame.entity, words).ok();
            }
        } else if let Ok((user, plays)) = players.get(frame.entity)
            && let Ok((_, _, group)) = teams.get(plays.0)
        {
            let words = format!("{}: {text}", user.name());
            outbox.send_to_group(group, words).ok();
        }
    }
}
