//! What the game sees of a drain.

use bevy_app::AppExit;
use bevy_ecs::{message::Messages, prelude::*};

use super::{events::DrainStarted, roster::RegistryRef};

/// Tells the game once.
pub(super) fn announce(world: &mut World) {
    let announced = world.resource::<RegistryRef>().0.drain.announce();
    if let Some(deadline) = announced {
        world.trigger(DrainStarted { deadline });
    }
}

/// Ends the app after a drain that was asked to. Before the departures of this tick are taken, so that those
/// who were cut at the deadline leave with the drain's reason.
pub(crate) fn exit_when_over(
    registry: Res<RegistryRef>,
    exit: Option<ResMut<Messages<AppExit>>>,
    mut done: Local<bool>,
) {
    if !*done && registry.0.drain.ends_the_app() {
        *done = true;
        if let Some(mut exit) = exit {
            exit.write(AppExit::Success);
        }
    }
}
