//! The smallest server: players come in with a token, and what one of them says goes to the others.
//!
//! ```sh
//! cargo run --example minimal
//! ```
//!
//! prints where it listens, and what connects each of its two players: a command, or lines for a browser.

use std::{env, error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;

fn main() -> Result<AppExit, Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:9000".into());
    // Your log-in service issues tokens with the same secret. Without one, this run has its own.
    let mut secret = env::var("SECRET").unwrap_or_default().into_bytes();
    if secret.is_empty() {
        secret = vec![0; 32];
        getrandom::fill(&mut secret)?;
    }

    let players = [User::new("player-1", "Ann")?, User::new("player-2", "Ben")?];
    let config = BouncerConfig::new(&address)
        .origins([format!("http://{address}")])
        .subprotocols(["game.v1"]);
    let tokens = JwtAuthenticator::hs256(&secret)?.audience("game");
    let door = BouncerPlugin::bind(config, tokens.users(MapDirectory::new(players.clone())))?;

    let here = door.local_addr();
    println!("Listening on ws://{here}/ws");
    let issuer = TokenIssuer::hs256(secret)?.audience("game");
    for player in &players {
        let (name, token) = (player.name(), issuer.issue(player.id())?);
        println!("\n# As {name}, in a clone of bevy_bouncer:");
        println!("cargo run --example client -- ws://{here}/ws {token}");
        println!("// As {name}, in the console of a browser that shows http://{here}/healthz:");
        println!("ws = new WebSocket('ws://{here}/ws', ['game.v1', 'bearer.{token}']);");
        println!("ws.onmessage = ({{ data }}) => console.log(data);");
    }

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_observer(greet)
        .add_systems(Update, relay)
        .run())
}

fn greet(joined: On<Add<User>>, users: Query<&User>, mut outbox: Outbox) {
    if let Ok(user) = users.get(joined.entity) {
        outbox.broadcast(format!("{} joined", user.name())).ok();
    }
}

fn relay(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        let payload = frame.payload.clone();
        outbox.broadcast_except(frame.entity, payload).ok(); // one that is not taken is logged
    }
}
