//! Decisions of moderators, which may have to wait until it is known who somebody is: the one whom a moderator wants to
//! touch, or, for the game, the moderator. The decisions of one moderator stay in their order.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bevy_bouncer::{Bouncer, DirectoryError, Known, Players, User, UserId};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, AnswerTo, By, Moderator, Reply},
    },
    deferred::defer,
    protocol::Denied,
    rank_check::{LookedUp, Target, check_above, check_moderator, check_rank, present_rank},
};

/// When to decide again, when too many decisions wait.
const DECIDE_AGAIN: Duration = Duration::from_secs(1);

/// What is done once it is clear that the moderator may.
type Decision = Box<dyn FnOnce(&mut ChatContext, &Moderator) -> Answer + Send + Sync>;

/// Decisions that wait to know who somebody is, each moderator's in order.
#[derive(Resource, Default)]
pub(crate) struct PendingDecisions {
    waiting: HashMap<UserId, VecDeque<Pending>>,
    next: u64,
}

struct Pending {
    number: u64,
    question: Question,
    decision: Decision,
    looked_up: Option<LookedUp>,
}

/// Who it is that is looked up.
enum Question {
    /// The one whom a moderator wants to touch.
    Target(Moderator, Target),
    /// The moderator, for the game.
    Moderator(AnswerTo),
}

impl PendingDecisions {
    fn count(&self, by: &UserId) -> usize {
        self.waiting.get(by).map_or(0, VecDeque::len)
    }

    fn add(&mut self, by: UserId, question: Question, decision: Decision) -> u64 {
        let number = self.next;
        self.next += 1;
        let waiting = self.waiting.entry(by).or_default();
        waiting.push_back(Pending {
            number,
            question,
            decision,
            looked_up: None,
        });
        number
    }

    /// Takes what the directory said about one of them. Returns the decisions whose turn it is.
    fn take(&mut self, by: &UserId, number: u64, found: LookedUp) -> Vec<(Pending, LookedUp)> {
        let mut ready = Vec::new();
        let Some(waiting) = self.waiting.get_mut(by) else {
            return ready;
        };
        if let Some(one) = waiting.iter_mut().find(|one| one.number == number) {
            one.looked_up = Some(found);
        }
        while let Some(found) = waiting.front_mut().and_then(|one| one.looked_up.take()) {
            ready.extend(waiting.pop_front().map(|one| (one, found)));
        }
        if waiting.is_empty() {
            self.waiting.remove(by);
        }
        ready
    }
}

/// Carries a moderator's decision out if the moderator is above the target: now, or as soon as that is known. Then the
/// moderator, as they are by then, is given to the decision.
pub(crate) fn if_above(
    context: &mut ChatContext,
    moderator: &Moderator,
    target: impl Into<Target>,
    decision: impl FnOnce(&mut ChatContext, &Moderator) -> Answer + Send + Sync + 'static,
) -> Answer {
    check_moderator(moderator)?;
    let By::User(by, _) = &moderator.by else {
        return decision(context, moderator);
    };
    let target = target.into();
    if nothing_waits(context, by.id())
        && let Some(rank) = present_rank(context, &target.user)
    {
        check_rank(moderator, rank)?;
        return decision(context, moderator);
    }
    let (by, user) = (by.id().clone(), target.user.clone());
    let question = Question::Target(moderator.clone(), target);
    look_up(context, by, user, question, Box::new(decision))
}

/// Carries out what the game decides in a user's name: now, or as soon as it is known who that is.
pub(crate) fn in_name_of(
    context: &mut ChatContext,
    by: UserId,
    answer_to: AnswerTo,
    decision: impl FnOnce(&mut ChatContext, &Moderator) -> Answer + Send + Sync + 'static,
) -> Answer {
    if nothing_waits(context, &by)
        && let Some(moderator) = moderator_here(context, &by, answer_to.clone())
    {
        return decision(context, &moderator);
    }
    let question = Question::Moderator(answer_to);
    look_up(context, by.clone(), by, question, Box::new(decision))
}

fn nothing_waits(context: &ChatContext, by: &UserId) -> bool {
    context.world.resource::<PendingDecisions>().count(by) == 0
}

fn moderator_here(context: &ChatContext, by: &UserId, answer_to: AnswerTo) -> Option<Moderator> {
    let (player, user) = context.session_here(by)?;
    let by = By::User(user.clone(), Some(player));
    Some(Moderator { by, answer_to })
}

/// Looks a user up, beside the frame.
fn look_up(
    context: &mut ChatContext,
    by: UserId,
    user: UserId,
    question: Question,
    decision: Decision,
) -> Answer {
    let most = context.options.pending_decisions;
    let bouncer = context.world.resource::<Bouncer>().clone();
    let mut pending = context.world.resource_mut::<PendingDecisions>();
    if pending.count(&by) >= most {
        return Err(Denied::after(ErrorCode::RateLimited, DECIDE_AGAIN));
    }
    let number = pending.add(by.clone(), question, decision);
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
    Ok(Reply::Deferred)
}

/// It is known who it is, or cannot be known. Much can have happened meanwhile.
fn decide(context: &mut ChatContext, by: &UserId, pending: Pending, found: &LookedUp) {
    let Pending {
        question, decision, ..
    } = pending;
    let (answer_to, result) = match question {
        Question::Target(moderator, target) => {
            let Some(moderator) = as_they_are_now(context, by, moderator) else {
                return;
            };
            let answer_to = moderator.answer_to.clone();
            let result = check_above(context, &moderator, &target, found);
            if result.is_ok() {
                learn(context, found);
            }
            (
                answer_to,
                result.and_then(|()| decision(context, &moderator)),
            )
        }
        Question::Moderator(answer_to) => {
            let moderator = moderator_here(context, by, answer_to.clone())
                .map_or_else(|| moderator_away(found, answer_to.clone()), Ok);
            let result = moderator.and_then(|moderator| decision(context, &moderator));
            (answer_to, result)
        }
    };
    match result {
        Ok(Reply::Now(ack)) => context.conclude(answer_to, Ok(*ack)),
        Ok(Reply::Deferred) => {}
        Err(denied) => context.conclude(answer_to, Err(denied)),
    }
}

/// The moderator, with the name and the roles of now. A player who has left decides nothing; for the game, the user of back
/// then counts.
fn as_they_are_now(context: &ChatContext, by: &UserId, moderator: Moderator) -> Option<Moderator> {
    let AnswerTo::Client(player, _) = &moderator.answer_to else {
        let here = moderator_here(context, by, moderator.answer_to.clone());
        return Some(here.unwrap_or(moderator));
    };
    let player = *player;
    let is_in = context.world.resource::<Players>().of(by).contains(&player);
    let user = context.world.get::<User>(player).cloned();
    let user = user.filter(|user| is_in && context.accepts(player, user))?;
    Some(Moderator {
        by: By::User(user, Some(player)),
        ..moderator
    })
}

/// A user in whose name the game decides, and who is away.
fn moderator_away(found: &LookedUp, answer_to: AnswerTo) -> Result<Moderator, Denied> {
    match found {
        Ok(Known::User(user)) => Ok(Moderator {
            by: By::User(user.clone(), None),
            answer_to,
        }),
        Ok(Known::Missing) => Err(ErrorCode::UnknownUser.into()),
        _ => Err(ErrorCode::Forbidden.into()),
    }
}

/// The record of a user who is away may be older, or there is none yet, and then there may be no room for one.
fn learn(context: &mut ChatContext, found: &LookedUp) {
    if let Ok(Known::User(user)) = found
        && context.rank_here(user.id()).is_none()
    {
        let _ = context.record_of(user);
    }
}
