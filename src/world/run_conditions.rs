//! When the game's systems run, and when this crate's do: an idle tick costs nothing.

use bevy_app::AppExit;
use bevy_ecs::{message::Messages, prelude::*};

use super::{bouncer::Bouncer, incoming::Incoming, roster::RegistryRef};

/// The run condition for systems that matter only while players can come in: see [`Bouncer::is_ready`].
///
/// ```
/// use bevy_app::prelude::*;
/// use bevy_bouncer::is_ready;
/// use bevy_ecs::prelude::*;
///
/// fn advertise_the_server() {}
///
/// App::new().add_systems(Update, advertise_the_server.run_if(is_ready));
/// ```
pub fn is_ready(bouncer: Option<Res<Bouncer>>) -> bool {
    bouncer.is_some_and(|bouncer| bouncer.is_ready())
}

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

/// Whether there is anything to receive.
pub(crate) fn has_incoming(incoming: Res<Incoming>, registry: Res<RegistryRef>) -> bool {
    let drain = &registry.0.drain;
    let has_drain_to_announce = drain.is_ordered() && !drain.is_announced();
    has_drain_to_announce || !incoming.is_idle()
}

/// Whether sessions have ended that the game does not know of yet.
pub(crate) fn has_departures(incoming: Res<Incoming>) -> bool {
    !incoming.end.departures.is_empty()
}

/// Whether the app ends with this update.
pub(crate) fn is_exiting(exits: Option<Res<Messages<AppExit>>>) -> bool {
    exits.is_some_and(|exits| !exits.is_empty())
}
