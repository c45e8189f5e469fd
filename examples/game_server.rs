//! A small headless game server: a fixed tick, inputs in, one state of the game out.
//!
//! ```sh
//! cargo run --example game_server
//! ```
//!
//! Players walk on a board of 10 by 10 fields: type `up`, `down`, `left` or `right`. The server decides
//! where that leads, and after each tick in which a player moved everybody gets the board.

use std::{collections::BTreeMap, error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;

mod try_out;

const TICKS_PER_SECOND: f64 = 20.0;
const LAST_FIELD: u8 = 9;

/// Where a player stands.
#[derive(Component, Clone, Copy, PartialEq, Default)]
struct Position {
    x: u8,
    y: u8,
}

/// Where a player wants to go in this tick. The last input counts.
#[derive(Component, Default)]
struct Wish(Option<Step>);

#[derive(Clone, Copy)]
enum Step {
    Up,
    Down,
    Left,
    Right,
}

fn main() -> Result<AppExit, Box<dyn Error>> {
    let secret = try_out::secret()?;
    let players = [User::new("player-1", "Ann")?, User::new("player-2", "Ben")?];
    let tokens = try_out::rules(secret)?.users(MapDirectory::new(players.clone()));
    let door = BouncerPlugin::bind(BouncerConfig::new(try_out::address()), tokens)?;
    try_out::print_commands(secret, door.local_addr(), &players)?;

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / TICKS_PER_SECOND));
    Ok(App::new()
        .set_error_handler(bevy::ecs::error::error)
        // No window and no renderer: `MinimalPlugins` and a loop.
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_observer(enter_the_board)
        // Messages have been received before `Update`, and what is sent in it goes out after it.
        .add_systems(Update, (read_inputs, walk, send_the_board).chain())
        .run())
}

fn enter_the_board(joined: On<Add<User>>, mut commands: Commands) {
    let player = (Position::default(), Wish::default());
    commands.entity(joined.entity).insert(player);
}

/// What clients send is checked like any input: what is not a step is none.
fn read_inputs(mut frames: MessageReader<ClientFrame>, mut wishes: Query<&mut Wish>) {
    for frame in frames.read() {
        if let Ok(mut wish) = wishes.get_mut(frame.entity) {
            wish.0 = match frame.payload.as_text() {
                Some("up") => Some(Step::Up),
                Some("down") => Some(Step::Down),
                Some("left") => Some(Step::Left),
                Some("right") => Some(Step::Right),
                _ => None,
            };
        }
    }
}

fn walk(mut players: Query<(&mut Wish, &mut Position)>) {
    for (mut wish, mut position) in &mut players {
        let Some(step) = wish.bypass_change_detection().0.take() else {
            continue;
        };
        let Position { x, y } = *position;
        position.set_if_neq(match step {
            Step::Up => Position {
                x,
                y: y.saturating_sub(1),
            },
            Step::Down => Position {
                x,
                y: LAST_FIELD.min(y + 1),
            },
            Step::Left => Position {
                x: x.saturating_sub(1),
                y,
            },
            Step::Right => Position {
                x: LAST_FIELD.min(x + 1),
                y,
            },
        });
    }
}

fn send_the_board(
    moved: Query<(), Changed<Position>>,
    players: Query<(&User, &Position)>,
    mut outbox: Outbox,
) -> Result {
    if !moved.is_empty() {
        let fields = players.iter().map(|(user, at)| (user.name(), (at.x, at.y)));
        let board: BTreeMap<_, _> = fields.collect();
        // Encoded once, however many players there are.
        outbox.broadcast(serde_json::to_string(&board)?)?;
    }
    Ok(())
}
