//! The start of a tick: who left, who came, and what they said.
//!
//! In this order: players whose end the game could still see in the last tick are despawned; then those
//! who were cut leave at once; then arrivals, veto first; then messages, a fair share for each
//! connection; then the game hears of ordinary ends, whose entities stay for this tick; and last, of what else has
//! changed for those who stay.

use bevy_ecs::prelude::*;

use super::{
    arrivals::take_arrivals,
    departures::{take_departures, tell_endings},
    drain::announce,
    events::RevocationNotStored,
    follow,
    inbox::{ReadBudget, take_messages},
    incoming::Incoming,
    link,
    refresh::{Refreshed, TokenExpiring},
    roster::Roster,
};
use crate::bridge::Notice;

/// Notices that the game hears in one tick.
const NOTICES_PER_TICK: usize = 1024;

/// Everything that came from the network since the last tick, within the tick's budget.
pub(crate) fn receive(world: &mut World) {
    announce(world);
    world.resource_scope(|world, mut incoming: Mut<Incoming>| {
        for entity in std::mem::take(&mut incoming.departed) {
            world.try_despawn(entity).ok();
        }
        link::give_up(world, &mut incoming);
        take_departures(world, &mut incoming);
        let mut budget = ReadBudget::new(&incoming.limits);
        take_arrivals(world, &mut incoming, &mut budget);
        take_messages(world, &incoming, &mut budget);
        tell_endings(world, &mut incoming);
        take_notices(world, &incoming);
    });
}

/// Players who were cut during this tick leave in it.
pub(crate) fn cut(world: &mut World) {
    world
        .resource_scope(|world, mut incoming: Mut<Incoming>| take_departures(world, &mut incoming));
}

fn take_notices(world: &mut World, incoming: &Incoming) {
    let entity_of = |world: &World, id| Some(world.resource::<Roster>().get(id)?.entity);
    for notice in incoming.end.notices.try_iter().take(NOTICES_PER_TICK) {
        match notice {
            Notice::NotStored(error) => {
                world.write_message(RevocationNotStored { error });
            }
            Notice::Expiring { id, ends_at } => {
                if let Some(entity) = entity_of(world, id) {
                    world.trigger(TokenExpiring { entity, ends_at });
                }
            }
            Notice::UserChanged(id) => follow::take_news(world, id),
            Notice::Refreshed { id, result } => {
                if let Some(entity) = entity_of(world, id) {
                    world.trigger(Refreshed { entity, result });
                }
            }
        }
    }
}
