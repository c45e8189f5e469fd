//! Who is out, and for how long: a kick ends the session, a revocation also bars the tokens, a ban says so
//! to the player, and only a restoration lets in again.
//!
//! ```sh
//! cargo run --example revoke_and_ban
//! ```
//!
//! Connect as Mia, the moderator, and as Ben. As Mia type `kick`, `revoke`, `ban` or `restore`, all of which
//! are about Ben. Try after each whether Ben gets in again.

use std::{error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::prelude::*;

mod try_out;

const BEN: &str = "player-2";

fn main() -> Result<AppExit, Box<dyn Error>> {
    let secret = try_out::secret()?;
    let players = [
        User::new("player-1", "Mia")?.with_roles(["moderator"])?,
        User::new(BEN, "Ben")?,
    ];
    let tokens = try_out::rules(secret)?.users(MapDirectory::new(players.clone()));
    // With `.revocations(SqliteRevocations::open("revocations.db")?)` they outlast a restart.
    let door = BouncerPlugin::bind(BouncerConfig::new(try_out::address()), tokens)?;
    try_out::print_commands(secret, door.local_addr(), &players)?;

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .set_error_handler(bevy::ecs::error::error)
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_observer(tell_who_left)
        .add_systems(Update, moderate)
        .run())
}

fn moderate(
    mut frames: MessageReader<ClientFrame>,
    users: Query<&User>,
    bouncer: Res<Bouncer>,
    mut outbox: Outbox,
) -> Result {
    let ben = UserId::new(BEN)?;
    // In the loop no `?`: one message that is not taken would keep those of the other players waiting.
    for frame in frames.read() {
        // The user comes from the directory: nothing that a client says can make it a moderator.
        if !users
            .get(frame.entity)
            .is_ok_and(|user| user.has_role("moderator"))
        {
            let words = "only moderators may do that";
            outbox.send(frame.entity, words).ok();
            continue;
        }
        let revocation = Revocation::user(ben.clone());
        match frame.payload.as_text() {
            Some("kick") => {
                bouncer.kick(&ben, Some("take a break"));
            }
            // Each of these is in force when it returns. Await what it returns to know that it is stored.
            Some("revoke") => drop(bouncer.revoke(revocation)),
            Some("ban") => drop(bouncer.revoke(revocation.ban().reason("cheating"))),
            Some("restore") => drop(bouncer.restore(ben.clone())),
            _ => continue,
        }
        outbox.send(frame.entity, "done").ok();
    }
    Ok(())
}

fn tell_who_left(left: On<Disconnected>, mut outbox: Outbox) -> Result {
    let words = format!("{} left: {}", left.user.name(), left.reason);
    outbox.broadcast_except(left.entity, words)?;
    Ok(())
}
