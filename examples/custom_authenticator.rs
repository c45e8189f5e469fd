//! An [`Authenticator`] of one's own, for games without a log-in service: a player with an invitation
//! comes in, and the invitation says for which side.
//!
//! ```sh
//! cargo run --example custom_authenticator
//! ```

use std::{error::Error, time::Duration};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::{Admission, Authenticator, HandshakeRequest, prelude::*};

mod try_out;

/// A component of the game. The authenticator gives it to the player.
#[derive(Component, Clone, Debug)]
enum Side {
    White,
    Black,
}

struct Invitation {
    code: String,
    user: User,
    side: Side,
}

struct Invitations(Vec<Invitation>);

impl Authenticator for Invitations {
    /// Runs beside the game, so it may also wait for a database or a service.
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        // `matches` takes as long for a wrong code as for a right one.
        let fits = |one: &&Invitation| {
            let credential = request.credential();
            credential.is_some_and(|credential| credential.matches(&one.code))
        };
        match self.0.iter().find(fits) {
            Some(one) => Ok(Admission::new(one.user.clone()).with(one.side.clone())),
            // The words are for the log: every client that fails here gets the same answer.
            None => Err(Refusal::unauthorized("no such invitation")),
        }
    }
}

fn main() -> Result<AppExit, Box<dyn Error>> {
    let invite = |id: &str, name: &str, side| -> Result<Invitation, Box<dyn Error>> {
        let code = try_out::secret()?
            .map(|byte| format!("{byte:02x}"))
            .concat();
        let user = User::new(id, name)?;
        Ok(Invitation { code, user, side })
    };
    let invitations = [
        invite("player-1", "Ann", Side::White)?,
        invite("player-2", "Ben", Side::Black)?,
    ];
    let codes = invitations.each_ref().map(|one| one.code.clone());
    let config = BouncerConfig::new(try_out::address());
    let door = BouncerPlugin::bind(config, Invitations(invitations.into()))?;
    for (name, code) in ["Ann", "Ben"].into_iter().zip(codes) {
        try_out::print_command(name, door.local_addr(), &code);
    }

    let tick = ScheduleRunnerPlugin::run_loop(Duration::from_secs_f64(1.0 / 60.0));
    Ok(App::new()
        .set_error_handler(bevy::ecs::error::error)
        .add_plugins((MinimalPlugins.set(tick), LogPlugin::default(), door))
        .add_observer(greet)
        .run())
}

/// What came with the admission is there before `User` is.
fn greet(joined: On<Add<User>>, players: Query<(&User, &Side)>, mut outbox: Outbox) -> Result {
    let (user, side) = players.get(joined.entity)?;
    let words = format!("welcome {}, you play {side:?}", user.name());
    outbox.send(joined.entity, words)?;
    Ok(())
}
