//! Sending users away, keeping them out, and letting them in again.

use std::time::Duration;

use bevy_bouncer::{Bouncer, Cluster, Receipt, Revocation, Subject, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode};

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Moderator, Reply},
    },
    decisions::if_above,
    deferred::defer,
    events::moderation::Moderation,
    protocol::Denied,
    rank_check::check_moderator,
};

/// When to ask again for what was not carried out, because too much waits to be stored.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// `mod.kick`
pub(crate) fn kick(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    if_above(
        context,
        moderator,
        user.clone(),
        move |context, moderator| {
            if let Some(cluster) = context.world.get_resource::<Cluster>() {
                drop(cluster.kick_everywhere(&user, reason.as_deref()));
            } else {
                let bouncer = context.world.resource::<Bouncer>();
                _ = bouncer.kick(&user, reason.as_deref());
            }
            context.ignore(user.clone());
            context.report(moderator, Moderation::Kick(user), reason);
            Ok(Ack::default().into())
        },
    )
}

/// `mod.ban`, until then (unix seconds) or for good.
pub(crate) fn ban(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    until: Option<u64>,
    reason: Option<String>,
) -> Answer {
    if until.is_some_and(|until| until <= context.unix_now / 1000) {
        check_moderator(moderator)?;
        return Err(ErrorCode::BadRequest.into());
    }
    let mut revocation = Revocation::user(user.clone()).ban();
    if let Some(until) = until {
        revocation = revocation.until(until);
    }
    let action = Moderation::Ban(user.clone(), until);
    bar(context, moderator, user, revocation, action, reason)
}

/// `mod.logout`
pub(crate) fn log_out(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    let now = context.unix_now / 1000;
    let revocation = Revocation::user(user.clone()).issued_before(now);
    let action = Moderation::LogOut(user.clone());
    bar(context, moderator, user, revocation, action, reason)
}

/// `mod.revoke`
pub(crate) fn revoke(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    let revocation = Revocation::user(user.clone());
    let action = Moderation::Revoke(user.clone());
    bar(context, moderator, user, revocation, action, reason)
}

/// Ends the sessions of a user and keeps new ones out.
fn bar(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    mut revocation: Revocation,
    action: Moderation,
    reason: Option<String>,
) -> Answer {
    if let Some(reason) = &reason {
        revocation = revocation.reason(reason.clone());
    }
    if_above(
        context,
        moderator,
        user.clone(),
        move |context, moderator| {
            context.ignore(user);
            let receipt = context.world.resource::<Bouncer>().revoke(revocation);
            if receipt.is_in_force() {
                context.report(moderator, action, reason);
            }
            Ok(when_stored(context, moderator, receipt))
        },
    )
}

/// `mod.restore`
pub(crate) fn restore(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    if_above(
        context,
        moderator,
        user.clone(),
        move |context, moderator| {
            let subject = Subject::User(user.clone());
            let receipt = context.world.resource::<Bouncer>().restore(subject);
            if receipt.is_in_force() {
                context.report(moderator, Moderation::Restore(user), reason);
            }
            Ok(when_stored(context, moderator, receipt))
        },
    )
}

/// Answers once a revocation, or its end, is stored. What was not carried out may be asked for again.
fn when_stored(context: &ChatContext, moderator: &Moderator, receipt: Receipt) -> Reply {
    let answer_to = moderator.answer_to.clone();
    let is_in_force = receipt.is_in_force();
    defer(context.world, receipt, move |context, stored| {
        let result = match stored {
            Ok(()) => Ok(Ack::default()),
            Err(_) if is_in_force => Err(ErrorCode::NotStored.into()),
            Err(_) => Err(Denied::after(ErrorCode::Unavailable, TRY_AGAIN)),
        };
        context.conclude(answer_to, result);
    });
    Reply::Deferred
}
