//! The start of a tick: what other nodes have told.

use bevy_bouncer::{ClusterFrame, Outbox};
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    context::{ChatContext, apply::Origin},
    publish::{self, ChatEvent},
};

/// Carries out what other nodes have told.
pub(crate) fn receive(
    world: &mut World,
    frames: &mut SystemState<MessageReader<ClusterFrame>>,
    outbox: &mut SystemState<Outbox>,
) {
    let events: Vec<ChatEvent> = match frames.get_mut(world) {
        Ok(mut reader) => reader.read().filter_map(publish::open).collect(),
        Err(_) => Vec::new(),
    };
    if events.is_empty() {
        return;
    }
    let mut context = ChatContext::new(world);
    for event in events {
        let is_mute = matches!(event, ChatEvent::Muted(_));
        let Err(denied) = context.apply(event, Origin::OtherNode) else {
            continue;
        };
        let code = denied.code.as_str();
        if is_mute {
            tracing::error!(code, "a mute of another node is lost here");
        } else {
            tracing::debug!(code, "what another node told has no place here");
        }
    }
    context.finish(outbox);
}
