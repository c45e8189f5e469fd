//! What moderators do. Everything is told to the game, and is an audit line of the log.

use std::{cmp::Reverse, time::Duration};

use bevy_bouncer::{Bouncer, Cluster, Receipt, Revocation, Subject, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode, ListedMute};
use bevy_ecs::entity::Entity;

use crate::{
    context::{Answer, Asker, ChatContext, Reply, apply::Origin},
    deferred::defer,
    events::Moderation,
    model::{
        room::{LONGEST_PAUSE, RoomRule},
        users::{MutedIn, StoredMute, Users},
    },
    protocol::{Denied, milliseconds},
    publish::ChatEvent,
    rank_check::{check_moderator, if_above},
    shared::RuleDecision,
};

/// Mutes of one list, so that it fits any queue.
const MUTES_LISTED: usize = 500;

fn done() -> Answer {
    Ok(Ack::default().into())
}

/// `mod.mute`
pub(crate) fn mute(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    room: Option<String>,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    let longest = context.options.longest_mute;
    let length = seconds.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
    if length.is_zero() {
        check_moderator(asker)?;
        return Err(ErrorCode::BadRequest.into());
    }
    if_above(context, asker, user.clone(), move |context, asker| {
        let place = check_mutable(context, asker, &user, &room)?;
        let record = context.record_by_id(&user)?;
        let mute = StoredMute {
            user: user.clone(),
            name: record.name.clone(),
            rank: record.rank,
            room,
            by_rank: asker.rank,
            until: context.unix_now.saturating_add(milliseconds(length)),
            reason: reason.clone(),
        };
        let by = Some(asker.user.id().clone());
        let ack = context.apply(ChatEvent::Muted(mute, by), Origin::ThisNode)?;
        let action = Moderation::Mute(user, place, length.as_secs());
        context.report(asker, action, reason);
        Ok(ack.unwrap_or_default().into())
    })
}

/// `mod.unmute`
pub(crate) fn unmute(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    room: Option<String>,
) -> Answer {
    if_above(context, asker, user.clone(), move |context, asker| {
        let place = check_mutable(context, asker, &user, &room)?;
        let event = ChatEvent::Unmuted {
            user: user.clone(),
            room,
            by: Some(asker.user.id().clone()),
            by_rank: asker.rank,
        };
        context.apply(event, Origin::ThisNode)?;
        context.report(asker, Moderation::Unmute(user, place), None);
        done()
    })
}

/// Where the mute is that a moderator begins or ends. Refuses rooms that are not for the moderator, and what a higher
/// moderator decided.
fn check_mutable(
    context: &mut ChatContext,
    asker: &Asker,
    user: &UserId,
    room: &Option<String>,
) -> Result<MutedIn, Denied> {
    if let Some(room) = room {
        context.room_for(&asker.user, room)?;
    }
    let place = MutedIn::new(room.clone());
    if context
        .record_by_id(user)?
        .is_muted_from_above(&place, asker.rank)
    {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(place)
}

/// `mod.mutes`
pub(crate) fn mutes(context: &mut ChatContext, asker: &Asker) -> Answer {
    check_moderator(asker)?;
    // Moderators hear nothing of rooms that are not for them.
    let is_for_asker = |place: &MutedIn| {
        let room = place.room();
        room.is_none_or(|room| context.room_for(&asker.user, room).is_ok())
    };
    let users = context.world.resource::<Users>();
    let mutes = users.iter().flat_map(|(user, record)| {
        let mutes = record.mutes().filter(|(place, ..)| is_for_asker(place));
        mutes.map(|(place, _, left)| ListedMute {
            user: user.as_str().into(),
            name: record.name.clone(),
            room: place.room().map(str::to_owned),
            left_ms: milliseconds(left),
        })
    });
    let mut mutes: Vec<_> = mutes.collect();
    // The longest first: those are the last to be forgotten.
    mutes.sort_unstable_by_key(|mute| Reverse(mute.left_ms));
    let more = mutes.len() > MUTES_LISTED;
    mutes.truncate(MUTES_LISTED);
    let ack = Ack {
        mutes: Some(mutes),
        more: Some(more),
        ..Default::default()
    };
    Ok(ack.into())
}

/// `mod.kick`
pub(crate) fn kick(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    if_above(context, asker, user.clone(), move |context, asker| {
        if let Some(cluster) = context.world.get_resource::<Cluster>() {
            drop(cluster.kick_everywhere(&user, reason.as_deref()));
        } else {
            let bouncer = context.world.resource::<Bouncer>();
            _ = bouncer.kick(&user, reason.as_deref());
        }
        context.ignore(user.clone());
        context.report(asker, Moderation::Kick(user), reason);
        done()
    })
}

/// `mod.ban`
pub(crate) fn ban(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    if seconds == Some(0) {
        check_moderator(asker)?;
        return Err(ErrorCode::BadRequest.into());
    }
    if_above(context, asker, user.clone(), move |context, asker| {
        let now = context.unix_now / 1000;
        let until = seconds.map(|seconds| now.saturating_add(seconds));
        let mut revocation = Revocation::user(user.clone()).ban();
        if let Some(until) = until {
            revocation = revocation.until(until);
        }
        context.ignore(user.clone());
        let action = Moderation::Ban(user, until);
        Ok(bar(context, asker, revocation, action, reason))
    })
}

/// `mod.revoke`
pub(crate) fn revoke(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    if_above(context, asker, user.clone(), move |context, asker| {
        let revocation = Revocation::user(user.clone());
        context.ignore(user.clone());
        let action = Moderation::Revoke(user);
        Ok(bar(context, asker, revocation, action, reason))
    })
}

/// Ends the sessions of a user and keeps new ones out.
fn bar(
    context: &mut ChatContext,
    asker: &Asker,
    mut revocation: Revocation,
    action: Moderation,
    reason: Option<String>,
) -> Reply {
    if let Some(reason) = &reason {
        revocation = revocation.reason(reason.clone());
    }
    let receipt = context.world.resource::<Bouncer>().revoke(revocation);
    context.report(asker, action, reason);
    when_stored(context, asker, receipt)
}

/// `mod.restore`
pub(crate) fn restore(context: &mut ChatContext, asker: &Asker, user: UserId) -> Answer {
    if_above(context, asker, user.clone(), move |context, asker| {
        let subject = Subject::User(user.clone());
        let receipt = context.world.resource::<Bouncer>().restore(subject);
        context.report(asker, Moderation::Restore(user), None);
        Ok(when_stored(context, asker, receipt))
    })
}

/// Answers once a revocation, or its end, is stored.
fn when_stored(context: &ChatContext, asker: &Asker, receipt: Receipt) -> Reply {
    let (player, id) = (asker.player, asker.id.clone());
    defer(context.world, receipt, move |context, stored| {
        let result = match stored {
            Ok(()) => Ok(Ack::default()),
            Err(_) => Err(ErrorCode::NotStored.into()),
        };
        context.answer(player, id, result);
    });
    Reply::Deferred
}

/// `mod.slow`
pub(crate) fn slow(context: &mut ChatContext, asker: &Asker, room: &str, seconds: u64) -> Answer {
    let pause = Duration::from_secs(seconds);
    if pause > LONGEST_PAUSE {
        return Err(ErrorCode::BadRequest.into());
    }
    let entity = change_rule(context, asker, room, RoomRule::Slow(milliseconds(pause)))?;
    context.report(asker, Moderation::SlowMode(entity, seconds), None);
    done()
}

/// `mod.freeze`
pub(crate) fn freeze(context: &mut ChatContext, asker: &Asker, room: &str, on: bool) -> Answer {
    let entity = change_rule(context, asker, room, RoomRule::Frozen(on))?;
    context.report(asker, Moderation::Freeze(entity, on), None);
    done()
}

/// Changes a rule of a room. Its members are told at the end of the tick.
fn change_rule(
    context: &mut ChatContext,
    asker: &Asker,
    room: &str,
    rule: RoomRule,
) -> Result<Entity, Denied> {
    check_moderator(asker)?;
    let (entity, _) = context.room_for(&asker.user, room)?;
    let by_rank = asker.rank;
    let event = ChatEvent::Rule {
        room: room.to_owned(),
        decision: RuleDecision { rule, by_rank },
    };
    context.apply(event, Origin::ThisNode)?;
    Ok(entity)
}
