//! The end of a tick: its output goes to the network as one command.

use bevy_app::AppExit;
use bevy_ecs::{message::Messages, prelude::*};
use bevy_tokio_tasks::TokioTasksRuntime;
use tokio::sync::mpsc::error::TrySendError;

use super::{
    bouncer::Bouncer,
    outbox::Outgoing,
    receive::{Incoming, turn_away},
    roster::{RegistryRef, Roster, dismiss},
};
use crate::{
    bridge::{Command, Tally},
    identity::{DisconnectReason, Goodbye},
};

/// Hands the tick over. When the network is behind, the tick waits and goes with the next one.
pub(crate) fn send(
    mut outgoing: ResMut<Outgoing>,
    mut incoming: ResMut<Incoming>,
    bouncer: Res<Bouncer>,
) {
    for leave in incoming.leaving.drain(..) {
        outgoing.push(leave);
    }
    if outgoing.commands.is_empty() {
        return;
    }
    match incoming.end.ticks.try_reserve() {
        Ok(slot) => slot.send(outgoing.take()),
        Err(TrySendError::Full(())) => Tally::count(&bouncer.shared().tally.merged_ticks),
        // The runtime is gone, and with it everybody who could listen.
        Err(TrySendError::Closed(())) => drop(outgoing.take()),
    }
}

/// Closes everybody with 1001 in the update that ends the app, and gives them a moment.
pub(crate) fn shut_down(world: &mut World) {
    if world
        .get_resource::<Messages<AppExit>>()
        .is_none_or(Messages::is_empty)
        || !world.resource::<Bouncer>().shared().stop()
    {
        return;
    }
    turn_away(world);
    let goodbye = Goodbye::from(DisconnectReason::Shutdown);
    let ids: Vec<_> = world
        .resource::<Roster>()
        .iter()
        .map(|(id, _)| *id)
        .collect();
    for id in ids {
        dismiss(world, id, goodbye.clone());
    }
    let registry = world.resource::<RegistryRef>().0.clone();
    let last: Vec<Command> = world.resource_mut::<Outgoing>().take();
    let ticks = world.resource::<Incoming>().end.ticks.clone();
    world.resource_scope(|world, mut incoming: Mut<Incoming>| {
        // Departures hold places, and the wait is for all places to be free.
        incoming.discard();
        let Some(runtime) = world.get_resource::<TokioTasksRuntime>() else {
            return;
        };
        let limit = world
            .resource::<Bouncer>()
            .shared()
            .config
            .limits
            .shutdown_timeout;
        let good_byes = async {
            let _ = ticks.send(last).await;
            tokio::join!(registry.emptied(), registry.journal.emptied());
        };
        let waited = runtime
            .runtime()
            .block_on(async { tokio::time::timeout(limit, good_byes).await });
        if waited.is_err() {
            tracing::warn!("not everybody left in order before the app ended");
        }
        if registry.drainage.is_ordered() {
            // Nobody waits for a drain that ends with the app.
            registry.drainage.finish();
        }
    });
}
