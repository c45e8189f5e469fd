//! The end of a tick: its output goes to the network as one command.

use bevy_ecs::prelude::*;
use tokio::sync::mpsc::error::TrySendError;

use super::{bouncer::Bouncer, incoming::Incoming, tick_output::TickOutput};
use crate::util::Counts;

/// Hands the tick over. When the network is behind, the tick waits and goes with the next one.
pub(crate) fn send(
    mut output: ResMut<TickOutput>,
    mut incoming: ResMut<Incoming>,
    bouncer: Res<Bouncer>,
) {
    for leave in incoming.leaving.drain(..) {
        output.push(leave);
    }
    if output.is_empty() {
        return;
    }
    match incoming.end.ticks.try_reserve() {
        Ok(slot) => slot.send(output.take()),
        Err(TrySendError::Full(())) => Counts::count(&bouncer.server().counts.merged_ticks),
        // The runtime is gone, and with it everybody who could listen.
        Err(TrySendError::Closed(())) => drop(output.take()),
    }
}
