//! Players come in with a token, and what one of them says goes to the others.

use std::{env, error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, ecs::error, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;

fn main() -> Result<AppExit, Box<dyn Error>> {
    let secret = env::var("SECRET")?; // 32 bytes or more, shared with your log-in service
    let players = MapDirectory::new([User::new("player-1", "Ann")?, User::new("player-2", "Ben")?]);
    let tokens = JwtAuthenticator::hs256(secret)?
        .audience("game")
        .users(players);
    let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:9000"), tokens)?;
    let frame = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .set_error_handler(error::error) // a message that is not taken does not end the server
        .add_plugins((MinimalPlugins.set(frame), LogPlugin::default(), door))
        .add_observer(greet)
        .add_systems(Update, relay)
        .run())
}

fn greet(joined: On<Add<User>>, users: Query<&User>, mut outbox: Outbox) -> Result {
    let user = users.get(joined.entity)?;
    outbox.broadcast(format!("{} joined", user.name()))?;
    Ok(())
}

fn relay(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) -> Result {
    for frame in frames.read() {
        outbox.broadcast_except(frame.entity, frame.payload.clone())?;
    }
    Ok(())
}
