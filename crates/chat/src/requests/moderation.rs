//! What moderators do. Everything is told to the game, and is an audit line of the log.

use std::{cmp::Reverse, time::Duration};

use bevy_bouncer::{Bouncer, Cluster, Receipt, Revocation, Subject, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode, ListedMute, Rules};
use bevy_ecs::entity::Entity;

use crate::{
    context::{Answer, Asker, ChatContext, Reply, apply::Origin},
    deferred::defer,
    events::{Moderated, Moderation},
    model::{
        history::RoomHistory,
        role::MODERATOR,
        room::{LONGEST_PAUSE, RoomRules},
        users::{MutedIn, StoredMute, Users},
    },
    protocol::{Denied, milliseconds},
    publish::ChatEvent,
};

/// Where the audit lines go.
const AUDIT: &str = "bevy_bouncer::audit";
/// Mutes of one list, so that it fits any queue.
const MUTES_LISTED: usize = 500;

fn check_moderator(asker: &Asker) -> Result<(), Denied> {
    if asker.rank < MODERATOR {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(())
}

/// Refuses everybody but moderators who are above the user.
fn check_above(context: &ChatContext, asker: &Asker, user: &UserId) -> Result<(), Denied> {
    check_moderator(asker)?;
    context.check_is_above(asker, user)
}

/// Tells the game and the log what a moderator did.
fn report(context: &mut ChatContext, asker: &Asker, action: Moderation, reason: Option<String>) {
    let by = asker.user.id().clone();
    tracing::info!(target: AUDIT, %by, ?action, reason, "moderated");
    context
        .world
        .write_message(Moderated { by, action, reason });
}

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
    check_above(context, asker, &user)?;
    if let Some(room) = &room {
        context.room_for(&asker.user, room)?;
    }
    let longest = context.options.longest_mute;
    let length = seconds.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
    if length.is_zero() {
        return Err(ErrorCode::BadRequest.into());
    }
    let until = context.unix_now.saturating_add(milliseconds(length));
    let place = MutedIn::new(room.clone());
    let record = context.record_by_id(&user)?;
    if record.is_muted_from_above(&place, asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    let mute = StoredMute {
        user: user.clone(),
        name: record.name.clone(),
        rank: record.rank,
        room,
        by_rank: asker.rank,
        until,
        reason: reason.clone(),
    };
    let by = Some(asker.user.id().clone());
    let ack = context.apply(ChatEvent::Muted(mute, by), Origin::ThisNode)?;
    let action = Moderation::Mute(user, place, length.as_secs());
    report(context, asker, action, reason);
    Ok(ack.unwrap_or_default().into())
}

/// `mod.unmute`
pub(crate) fn unmute(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    room: Option<String>,
) -> Answer {
    check_above(context, asker, &user)?;
    let place = MutedIn::new(room.clone());
    let record = context.record_by_id(&user)?;
    if record.is_muted_from_above(&place, asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    let event = ChatEvent::Unmuted {
        user: user.clone(),
        room,
        by: Some(asker.user.id().clone()),
        by_rank: asker.rank,
    };
    context.apply(event, Origin::ThisNode)?;
    report(context, asker, Moderation::Unmute(user, place), None);
    done()
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
    check_above(context, asker, &user)?;
    if let Some(cluster) = context.world.get_resource::<Cluster>() {
        drop(cluster.kick_everywhere(&user, reason.as_deref()));
    } else {
        let bouncer = context.world.resource::<Bouncer>();
        _ = bouncer.kick(&user, reason.as_deref());
    }
    context.ignore(user.clone());
    report(context, asker, Moderation::Kick(user), reason);
    done()
}

/// `mod.ban`
pub(crate) fn ban(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    let until = seconds.map(|seconds| (context.unix_now / 1000).saturating_add(seconds));
    let mut revocation = Revocation::user(user.clone()).ban();
    if let Some(until) = until {
        revocation = revocation.until(until);
    }
    bar(
        context,
        asker,
        revocation,
        Moderation::Ban(user, until),
        reason,
    )
}

/// `mod.revoke`
pub(crate) fn revoke(
    context: &mut ChatContext,
    asker: &Asker,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    let revocation = Revocation::user(user.clone());
    bar(context, asker, revocation, Moderation::Revoke(user), reason)
}

/// Ends the sessions of a user and keeps new ones out.
fn bar(
    context: &mut ChatContext,
    asker: &Asker,
    mut revocation: Revocation,
    action: Moderation,
    reason: Option<String>,
) -> Answer {
    let (Moderation::Ban(user, _) | Moderation::Revoke(user)) = &action else {
        return Err(ErrorCode::BadRequest.into());
    };
    check_above(context, asker, user)?;
    context.ignore(user.clone());
    if let Some(reason) = &reason {
        revocation = revocation.reason(reason.clone());
    }
    let receipt = context.world.resource::<Bouncer>().revoke(revocation);
    report(context, asker, action, reason);
    Ok(when_stored(context, asker, receipt))
}

/// `mod.restore`
pub(crate) fn restore(context: &mut ChatContext, asker: &Asker, user: UserId) -> Answer {
    check_moderator(asker)?;
    // Of a user who was banned before the last start nothing is known. A moderator may restore them nevertheless.
    if context.rank(&user).is_some_and(|rank| rank >= asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    let subject = Subject::User(user.clone());
    let receipt = context.world.resource::<Bouncer>().restore(subject);
    report(context, asker, Moderation::Restore(user), None);
    Ok(when_stored(context, asker, receipt))
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
    let slow_ms = milliseconds(pause);
    let entity = change_rules(context, asker, room, |rules| rules.slow_ms = slow_ms)?;
    report(context, asker, Moderation::SlowMode(entity, seconds), None);
    done()
}

/// `mod.freeze`
pub(crate) fn freeze(context: &mut ChatContext, asker: &Asker, room: &str, on: bool) -> Answer {
    let entity = change_rules(context, asker, room, |rules| rules.frozen = on)?;
    report(context, asker, Moderation::Freeze(entity, on), None);
    done()
}

/// Changes a room's rules. Its members are told at the end of the tick.
fn change_rules(
    context: &mut ChatContext,
    asker: &Asker,
    room: &str,
    change: impl FnOnce(&mut Rules),
) -> Result<Entity, Denied> {
    check_moderator(asker)?;
    let (entity, _) = context.room_for(&asker.user, room)?;
    let rules = context.world.get::<RoomRules>(entity);
    let mut rules = rules.ok_or(ErrorCode::UnknownRoom)?.shown();
    change(&mut rules);
    let event = ChatEvent::Rules {
        room: room.to_owned(),
        slow_ms: rules.slow_ms,
        frozen: rules.frozen,
        by_rank: asker.rank,
    };
    context.apply(event, Origin::ThisNode)?;
    Ok(entity)
}

/// `chat.delete`: for the author, and for moderators above the author.
pub(crate) fn delete(context: &mut ChatContext, asker: &Asker, room: &str, mid: &str) -> Answer {
    let (entity, _) = if asker.rank >= MODERATOR {
        context.room_for(&asker.user, room)?
    } else {
        context.own_room(asker.player, room)?
    };
    let history = context.world.get::<RoomHistory>(entity);
    let said = history.and_then(|history| history.find(mid));
    let said = said.ok_or(ErrorCode::UnknownMessage)?;
    let (author, rank_then, seq) = (said.user.clone(), said.rank, said.seq);
    let is_own = author.as_ref() == Some(asker.user.id());
    if !is_own {
        check_moderator(asker)?;
        let rank = author.and_then(|author| context.rank(&author));
        if rank.unwrap_or(rank_then) >= asker.rank {
            return Err(ErrorCode::Forbidden.into());
        }
    }
    let event = ChatEvent::Deleted {
        room: room.to_owned(),
        mid: mid.to_owned(),
    };
    // It may have been deleted before.
    let is_deleted_now = context.apply(event, Origin::ThisNode)?.is_some();
    if is_deleted_now && !is_own {
        report(context, asker, Moderation::Delete(entity, seq), None);
    }
    done()
}
