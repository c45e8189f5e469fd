//! Whether a moderator is above somebody, who may be away.
//!
//! Nobody touches a peer or a superior. Who is here is known, and so is who is on another node, while this node hears of
//! the others. Everybody else is looked up in the directory, beside the frame; what was heard of them before is no proof. Somebody of whom the directory
//! cannot tell counts as a superior to moderators, and admins may. The decisions of one moderator stay in their order.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bevy_bouncer::{Bouncer, DirectoryError, Known, Players, User, UserId};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;

use crate::{
    context::{Answer, Asker, ChatContext, Reply},
    deferred::defer,
    model::{
        fleet_presence::FleetPresence,
        role::{ADMIN, MODERATOR, rank_of},
    },
    protocol::Denied,
};

/// When to decide again, when too many decisions wait.
const DECIDE_AGAIN: Duration = Duration::from_secs(1);

/// Whom a decision is about.
pub(crate) struct Target {
    user: UserId,
    /// The rank of back then, which counts when nobody knows the user any more.
    rank_then: Option<u8>,
}

impl From<UserId> for Target {
    fn from(user: UserId) -> Self {
        let rank_then = None;
        Self { user, rank_then }
    }
}

impl Target {
    /// The author of a message, who had this rank.
    pub fn author(user: UserId, rank_then: u8) -> Self {
        let rank_then = Some(rank_then);
        Self { user, rank_then }
    }
}

/// What is done once it is clear that the asker may.
type Decision = Box<dyn FnOnce(&mut ChatContext, &Asker) -> Answer + Send + Sync>;

/// What the directory said.
type LookedUp = Result<Known, DirectoryError>;

/// Decisions that wait to know who the target is, each moderator's in order.
#[derive(Resource, Default)]
pub(crate) struct PendingDecisions {
    waiting: HashMap<UserId, VecDeque<Pending>>,
    next: u64,
}

struct Pending {
    number: u64,
    player: Entity,
    id: Option<String>,
    target: Target,
    decision: Decision,
    looked_up: Option<LookedUp>,
}

impl PendingDecisions {
    fn count(&self, asker: &UserId) -> usize {
        self.waiting.get(asker).map_or(0, VecDeque::len)
    }

    fn add(&mut self, asker: &Asker, target: Target, decision: Decision) -> u64 {
        let number = self.next;
        self.next += 1;
        let waiting = self.waiting.entry(asker.user.id().clone()).or_default();
        waiting.push_back(Pending {
            number,
            player: asker.player,
            id: asker.id.clone(),
            target,
            decision,
            looked_up: None,
        });
        number
    }

    /// Takes what the directory said about one target. Returns the decisions whose turn it is.
    fn take(&mut self, asker: &UserId, number: u64, found: LookedUp) -> Vec<(Pending, LookedUp)> {
        let mut ready = Vec::new();
        let Some(waiting) = self.waiting.get_mut(asker) else {
            return ready;
        };
        if let Some(one) = waiting.iter_mut().find(|one| one.number == number) {
            one.looked_up = Some(found);
        }
        while let Some(found) = waiting.front_mut().and_then(|one| one.looked_up.take()) {
            ready.extend(waiting.pop_front().map(|one| (one, found)));
        }
        if waiting.is_empty() {
            self.waiting.remove(asker);
        }
        ready
    }
}

/// Refuses everybody but moderators.
pub(crate) fn check_moderator(asker: &Asker) -> Result<(), Denied> {
    if asker.rank < MODERATOR {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(())
}

/// Carries a moderator's decision out if the moderator is above the target: now, or as soon as that is known. Then the
/// moderator, as they are by then, is given to the decision.
pub(crate) fn if_above(
    context: &mut ChatContext,
    asker: &Asker,
    target: impl Into<Target>,
    decision: impl FnOnce(&mut ChatContext, &Asker) -> Answer + Send + Sync + 'static,
) -> Answer {
    check_moderator(asker)?;
    let target = target.into();
    let waiting = context.world.resource::<PendingDecisions>();
    let waiting = waiting.count(asker.user.id());
    if waiting == 0
        && let Some(rank) = present_rank(context, &target.user)
    {
        check_rank(asker, rank)?;
        return decision(context, asker);
    }
    if waiting >= context.options.pending_decisions {
        return Err(Denied::after(ErrorCode::RateLimited, DECIDE_AGAIN));
    }
    look_up(context, asker, target, Box::new(decision));
    Ok(Reply::Deferred)
}

/// The rank of somebody who is here or on another node, the highest of all sessions: one that is older than a promotion
/// hides none that is newer.
fn present_rank(context: &ChatContext, user: &UserId) -> Option<u8> {
    let presence = context.world.resource::<FleetPresence>();
    let elsewhere = presence.rank_of(user).filter(|_| presence.is_current());
    context.rank_here(user).max(elsewhere)
}

fn check_rank(asker: &Asker, rank: u8) -> Result<(), Denied> {
    if rank >= asker.rank {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(())
}

/// Looks the target up, beside the frame.
fn look_up(context: &mut ChatContext, asker: &Asker, target: Target, decision: Decision) {
    let (by, user) = (asker.user.id().clone(), target.user.clone());
    let bouncer = context.world.resource::<Bouncer>().clone();
    let mut pending = context.world.resource_mut::<PendingDecisions>();
    let number = pending.add(asker, target, decision);
    let work = async move {
        // A task of its own, so that a directory that panics is one that failed.
        let task = tokio::spawn(async move { bouncer.look_up(&user).await });
        let failed = |error| Err(DirectoryError::Failed(format!("{error}")));
        task.await.unwrap_or_else(failed)
    };
    defer(context.world, work, move |context, found| {
        let mut pending = context.world.resource_mut::<PendingDecisions>();
        for (pending, found) in pending.take(&by, number, found) {
            decide(context, &by, pending, &found);
        }
    });
}

/// It is known who the target is, or cannot be known. Much can have happened meanwhile. Who has left decides nothing.
fn decide(context: &mut ChatContext, by: &UserId, pending: Pending, found: &LookedUp) {
    let Pending {
        player,
        id,
        target,
        decision,
        ..
    } = pending;
    let is_in = context.world.resource::<Players>().of(by).contains(&player);
    let user = context.world.get::<User>(player).cloned();
    let Some(user) = user.filter(|user| is_in && context.accepts(player, user)) else {
        return;
    };
    let asker = Asker::new(player, user, id.clone());
    let is_above = check_above(context, &asker, &target, found);
    if let (Ok(()), Ok(Known::User(user))) = (&is_above, found)
        && context.rank_here(user.id()).is_none()
    {
        // The record may be older, or there is none yet, and then there may be no room for one.
        let _ = context.record_of(user);
    }
    match is_above.and_then(|()| decision(context, &asker)) {
        Ok(Reply::Now(ack)) => context.answer(player, id, Ok(*ack)),
        Ok(Reply::Deferred) => {}
        Err(denied) => context.answer(player, id, Err(denied)),
    }
}

/// Refuses an asker who is not above the target. Whoever is no moderator any more is above nobody.
fn check_above(
    context: &ChatContext,
    asker: &Asker,
    target: &Target,
    found: &LookedUp,
) -> Result<(), Denied> {
    if let Some(rank) = present_rank(context, &target.user) {
        return check_rank(asker, rank);
    }
    if let Ok(Known::User(user)) = found {
        return check_rank(asker, rank_of(user));
    }
    if let Err(error) = found {
        tracing::warn!(user = %target.user, %error, "a user who is away could not be looked up");
    }
    if let Some(rank) = target.rank_then {
        check_rank(asker, rank)?;
    }
    match found {
        _ if asker.rank == ADMIN => Ok(()),
        Ok(_) if target.rank_then.is_some() => Ok(()),
        Ok(Known::Missing) => Err(ErrorCode::UnknownUser.into()),
        _ => Err(ErrorCode::Forbidden.into()),
    }
}
