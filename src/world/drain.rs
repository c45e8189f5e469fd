//! What the game sees of a drain.

use bevy_app::AppExit;
use bevy_ecs::{message::Messages, prelude::*};

use super::{bouncer::Bouncer, events::DrainStarted, roster::RegistryRef};

/// The run condition for systems that matter only while the server is being taken out of service.
///
/// ```
/// use bevy_app::prelude::*;
/// use bevy_bouncer::is_draining;
/// use bevy_ecs::prelude::*;
///
/// fn count_down() {}
///
/// App::new().add_systems(Update, count_down.run_if(is_draining));
/// ```
pub fn is_draining(bouncer: Option<Res<Bouncer>>) -> bool {
    bouncer.is_some_and(|bouncer| bouncer.draining().is_some())
}

/// Tells the game once.
pub(super) fn announce(world: &mut World) {
    let announced = world.resource::<RegistryRef>().0.drain.announce();
    if let Some(deadline) = announced {
        world.trigger(DrainStarted { deadline });
    }
}

/// Ends the app after a drain that was asked to. Before the departures of this tick are taken, so that those
/// who were cut at the deadline are told with the drain's reason.
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
