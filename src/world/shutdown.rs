//! The end of the app: everybody is closed with 1001, and has a moment to hear it.

use bevy_app::AppExit;
use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;

use super::{
    bouncer::Bouncer,
    incoming::Incoming,
    roster::{RegistryRef, Roster, dismiss},
    tick_output::TickOutput,
};
use crate::{
    bridge::Command,
    identity::{CloseReason, DisconnectReason, RefusalKind},
    revocation::Subject,
    server::AUDIT,
};

/// Closes everybody with 1001 in the update that ends the app, and gives them a moment.
pub(crate) fn shut_down(world: &mut World) {
    if !world.resource::<Bouncer>().server().stop() {
        return;
    }
    turn_away(world);
    let close_reason = CloseReason::from(DisconnectReason::Shutdown);
    let ids: Vec<_> = world
        .resource::<Roster>()
        .iter()
        .map(|(id, _)| *id)
        .collect();
    for id in ids {
        dismiss(world, id, close_reason.clone());
    }
    let registry = world.resource::<RegistryRef>().0.clone();
    let last: Vec<Command> = world.resource_mut::<TickOutput>().take();
    let ticks = world.resource::<Incoming>().end.ticks.clone();
    world.resource_scope(|world, mut incoming: Mut<Incoming>| {
        // Departures hold places, and the wait is for all places to be free.
        incoming.discard();
        let Some(runtime) = world.get_resource::<TokioTasksRuntime>() else {
            return;
        };
        let limit = world
            .resource::<Bouncer>()
            .server()
            .config
            .limits
            .shutdown_timeout;
        let everybody_left = async {
            let _ = ticks.send(last).await;
            tokio::join!(registry.emptied(), registry.journal.emptied());
        };
        let waited = runtime
            .runtime()
            .block_on(async { tokio::time::timeout(limit, everybody_left).await });
        if waited.is_err() {
            tracing::warn!("the app ends before everybody has left and everything is stored");
        }
        if registry.drain.is_ordered() {
            // Nobody waits for a drain that ends with the app.
            registry.drain.finish();
        }
    });
    let unsaved = registry.journal.subjects();
    if !unsaved.is_empty() {
        report_lost(&unsaved);
        world.write_message(AppExit::error());
    }
}

/// What was in force here and is not stored ends with the process: the operator learns of each.
fn report_lost(subjects: &[Subject]) {
    for subject in subjects {
        tracing::error!(target: AUDIT, ?subject, "lost: what was decided about this subject is not stored");
    }
    let lost = subjects.len();
    tracing::error!(
        lost,
        "the app ends before everything that was decided is stored"
    );
}

/// Refuses those who still wait for the game.
fn turn_away(world: &mut World) {
    world.resource_scope(|world, mut incoming: Mut<Incoming>| {
        let registry = world.resource::<RegistryRef>().0.clone();
        let mut held = std::mem::take(&mut incoming.held);
        held.extend(std::mem::take(&mut incoming.unread));
        for arrival in held.into_iter().chain(incoming.end.arrivals.try_iter()) {
            registry.abandon(&arrival.handle, RefusalKind::Draining.into());
        }
    });
}
