//! Two nodes that are one server: what is said on one is heard on the other, and a player who is revoked
//! on one is out on both.
//!
//! ```sh
//! cargo run --example two_nodes
//! ```
//!
//! Both run in this process, over a backplane in its memory. Nodes of their own processes use a
//! `RedisBackplane` (feature `redis`) in its place, and nothing else changes. Connect as Ann to the first
//! node and as Ben to the second. What they type goes to both; `/revoke` by Ann throws Ben out.

use std::{env, error::Error, thread, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, prelude::*};
use bevy_bouncer::{ClusterOptions, ClusterOutbox, InProcessBackplane, prelude::*};

mod try_out;

const ANN: &str = "player-1";
const BEN: &str = "player-2";

fn main() -> Result<(), Box<dyn Error>> {
    let addresses = [
        env::args().nth(1).unwrap_or("127.0.0.1:9000".into()),
        env::args().nth(2).unwrap_or("127.0.0.1:9100".into()),
    ];
    let secret = try_out::secret()?;
    let players = [User::new(ANN, "Ann")?, User::new(BEN, "Ben")?];
    let backplane = InProcessBackplane::new();

    let mut nodes = Vec::new();
    for (name, address) in ["node-1", "node-2"].into_iter().zip(addresses) {
        let tokens = try_out::rules(secret)?.users(MapDirectory::new(players.clone()));
        let door = BouncerPlugin::bind(BouncerConfig::new(address), tokens)?
            .cluster(backplane.clone(), ClusterOptions::named(name))?;
        println!("{name}, for both players:\n");
        try_out::print_commands(secret, door.local_addr(), &players)?;
        nodes.push(thread::spawn(move || run(door)));
    }
    for node in nodes {
        node.join().map_err(|_| "a node panicked")?;
    }
    Ok(())
}

/// The same app on every node.
fn run(door: BouncerPlugin) {
    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    App::new()
        .set_error_handler(bevy::ecs::error::error)
        .add_plugins((MinimalPlugins.set(tick), door))
        .add_systems(Update, listen)
        .run();
}

fn listen(
    mut frames: MessageReader<ClientFrame>,
    users: Query<&User>,
    bouncer: Res<Bouncer>,
    mut outbox: ClusterOutbox,
) -> Result {
    let ben = UserId::new(BEN)?;
    for frame in frames.read() {
        let (Ok(user), Some(text)) = (users.get(frame.entity), frame.payload.as_text()) else {
            continue;
        };
        if text == "/revoke" && user.id().as_str() == ANN {
            drop(bouncer.revoke(ben.clone()));
        } else {
            let words = format!("{}: {text}", user.name());
            outbox.broadcast_everywhere(words).ok(); // a message that is not taken is counted
        }
    }
    Ok(())
}
