//! What moderators do. Everything is told to the game, and is an audit line of the log.

use std::{cmp::Reverse, time::Duration};

use bevy_ecs::entity::Entity;

use super::{
    archive::{ChatRecord, KeptMute},
    desk::{Answer, Asker, Desk, Reply},
    error_code::{Denied, ErrorCode},
    events::{Moderated, Moderation},
    history::RoomHistory,
    later::answer_later,
    people::{Mute, MutedIn, People},
    rank::MODERATOR,
    relay::{self, Relayed},
    room::{LONGEST_PAUSE, RoomRules},
    told::{Ack, ListedMute, Told, milliseconds, unix_milliseconds},
};
use bevy_bouncer::{Bouncer, Cluster, Receipt, Revocation, Subject, UserId};

/// Where the audit lines go.
const AUDIT: &str = "bevy_bouncer::audit";
/// Mutes of one list, so that it fits any queue.
const MUTES_LISTED: usize = 500;

fn check_moderator(asker: &Asker) -> Result<(), Denied> {
    match asker.rank >= MODERATOR {
        true => Ok(()),
        false => Err(ErrorCode::Forbidden.into()),
    }
}

/// Only moderators, and only above whom they are.
fn check_above(desk: &Desk, asker: &Asker, user: &UserId) -> Result<(), Denied> {
    check_moderator(asker)?;
    desk.is_above(asker, user)
}

fn note(desk: &mut Desk, asker: &Asker, action: Moderation, reason: Option<String>) {
    let by = asker.user.id().clone();
    tracing::info!(target: AUDIT, %by, ?action, reason, "moderated");
    desk.world.write_message(Moderated { by, action, reason });
}

fn done() -> Answer {
    Ok(Ack::default().into())
}

/// `mod.mute`
pub(super) fn mute(
    desk: &mut Desk,
    asker: &Asker,
    user: UserId,
    room: Option<String>,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    check_above(desk, asker, &user)?;
    if let Some(room) = &room {
        desk.room_for(&asker.user, room)?;
    }
    let longest = desk.options.longest_mute;
    let length = seconds.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
    if length.is_zero() {
        return Err(ErrorCode::BadRequest.into());
    }
    let left_ms = milliseconds(length);
    let place = MutedIn::new(room.clone());
    let mute = Mute {
        until: unix_milliseconds() + left_ms,
        reason: reason.clone(),
        by_rank: asker.rank,
    };
    let mut person = desk.person_called(&user)?;
    if person.is_muted_from_above(&place, asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    person.mute(place.clone(), mute.clone());
    let (name, rank) = (person.name.clone(), person.rank);
    let kept = KeptMute {
        user: user.clone(),
        name,
        rank,
        room: room.clone(),
        by_rank: asker.rank,
        until: mute.until,
        reason: reason.clone(),
    };
    relay::publish(desk.world, || Relayed::Muted(kept.clone()));
    desk.record(|| ChatRecord::Muted(kept));
    let told = Told::Muted {
        room,
        left_ms,
        reason: reason.clone(),
    };
    desk.tell_user(&user, &told);
    let action = Moderation::Mute(user, place, length.as_secs());
    note(desk, asker, action, reason);
    let ack = Ack {
        left_ms: Some(left_ms),
        ..Default::default()
    };
    Ok(ack.into())
}

/// `mod.unmute`
pub(super) fn unmute(desk: &mut Desk, asker: &Asker, user: UserId, room: Option<String>) -> Answer {
    check_above(desk, asker, &user)?;
    let place = MutedIn::new(room.clone());
    let mut person = desk.person_called(&user)?;
    if person.is_muted_from_above(&place, asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    if person.unmute(&place) {
        relay::publish(desk.world, || Relayed::Unmuted(user.clone(), room.clone()));
        desk.record(|| ChatRecord::Unmuted(user.clone(), room.clone()));
        desk.tell_user(&user, &Told::Unmuted { room });
    }
    note(desk, asker, Moderation::Unmute(user, place), None);
    done()
}

/// `mod.mutes`
pub(super) fn mutes(desk: &mut Desk, asker: &Asker) -> Answer {
    check_moderator(asker)?;
    // What room is not theirs, they do not hear of.
    let is_for_asker = |place: &MutedIn| {
        let room = place.room();
        room.is_none_or(|room| desk.room_for(&asker.user, room).is_ok())
    };
    let people = desk.world.resource::<People>();
    let mutes = people.iter().flat_map(|(user, person)| {
        let mutes = person.mutes().filter(|(place, ..)| is_for_asker(place));
        mutes.map(|(place, _, left)| ListedMute {
            user: user.clone(),
            name: person.name.clone(),
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
pub(super) fn kick(desk: &mut Desk, asker: &Asker, user: UserId, reason: Option<String>) -> Answer {
    check_above(desk, asker, &user)?;
    match desk.world.get_resource::<Cluster>() {
        Some(cluster) => drop(cluster.kick_everywhere(&user, reason.as_deref())),
        None => {
            _ = desk
                .world
                .resource::<Bouncer>()
                .kick(&user, reason.as_deref())
        }
    }
    desk.gone.insert(user.clone());
    note(desk, asker, Moderation::Kick(user), reason);
    done()
}

/// `mod.ban`
pub(super) fn ban(
    desk: &mut Desk,
    asker: &Asker,
    user: UserId,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    let until = seconds.map(|seconds| (unix_milliseconds() / 1000).saturating_add(seconds));
    let mut revocation = Revocation::user(user.clone()).ban();
    if let Some(until) = until {
        revocation = revocation.until(until);
    }
    bar(
        desk,
        asker,
        revocation,
        Moderation::Ban(user, until),
        reason,
    )
}

/// `mod.revoke`
pub(super) fn revoke(
    desk: &mut Desk,
    asker: &Asker,
    user: UserId,
    reason: Option<String>,
) -> Answer {
    let revocation = Revocation::user(user.clone());
    bar(desk, asker, revocation, Moderation::Revoke(user), reason)
}

fn bar(
    desk: &mut Desk,
    asker: &Asker,
    mut revocation: Revocation,
    action: Moderation,
    reason: Option<String>,
) -> Answer {
    let (Moderation::Ban(user, _) | Moderation::Revoke(user)) = &action else {
        return Err(ErrorCode::BadRequest.into());
    };
    check_above(desk, asker, user)?;
    desk.gone.insert(user.clone());
    if let Some(reason) = &reason {
        revocation = revocation.reason(reason.clone());
    }
    let receipt = desk.world.resource::<Bouncer>().revoke(revocation);
    note(desk, asker, action, reason);
    Ok(when_stored(desk, asker, receipt))
}

/// `mod.restore`
pub(super) fn restore(desk: &mut Desk, asker: &Asker, user: UserId) -> Answer {
    check_moderator(asker)?;
    // Whoever was banned before the last start is not known, and may come in again nevertheless.
    if desk.rank(&user).is_some_and(|rank| rank >= asker.rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    let subject = Subject::User(user.clone());
    let receipt = desk.world.resource::<Bouncer>().restore(subject);
    note(desk, asker, Moderation::Restore(user), None);
    Ok(when_stored(desk, asker, receipt))
}

fn when_stored(desk: &Desk, asker: &Asker, receipt: Receipt) -> Reply {
    answer_later(desk.world, asker.player, asker.id.clone(), async {
        match receipt.await {
            Ok(()) => Ok(Ack::default()),
            Err(_) => Err(ErrorCode::NotStored.into()),
        }
    });
    Reply::Later
}

/// `mod.slow`
pub(super) fn slow(desk: &mut Desk, asker: &Asker, room: &str, seconds: u64) -> Answer {
    let pause = Duration::from_secs(seconds);
    if pause > LONGEST_PAUSE {
        return Err(ErrorCode::BadRequest.into());
    }
    let pause = (!pause.is_zero()).then_some(pause);
    let entity = rule(desk, asker, room, |rules| rules.slow_mode = pause)?;
    note(desk, asker, Moderation::SlowMode(entity, seconds), None);
    done()
}

/// `mod.freeze`
pub(super) fn freeze(desk: &mut Desk, asker: &Asker, room: &str, on: bool) -> Answer {
    let entity = rule(desk, asker, room, |rules| rules.is_frozen = on)?;
    note(desk, asker, Moderation::Freeze(entity, on), None);
    done()
}

/// Changes a room's rules. Its members are told at the end of the tick.
fn rule(
    desk: &mut Desk,
    asker: &Asker,
    room: &str,
    change: impl FnOnce(&mut RoomRules),
) -> Result<Entity, Denied> {
    check_moderator(asker)?;
    let (entity, _) = desk.room_for(&asker.user, room)?;
    let rules = desk.world.get_mut::<RoomRules>(entity);
    let mut rules = rules.ok_or(ErrorCode::UnknownRoom)?;
    change(&mut rules);
    let shown = rules.shown();
    relay::publish(desk.world, || Relayed::Rules {
        room: room.to_owned(),
        slow_ms: shown.slow_ms,
        frozen: shown.frozen,
    });
    Ok(entity)
}

/// `chat.delete`: one's own words, and those of users below.
pub(super) fn delete(desk: &mut Desk, asker: &Asker, room: &str, mid: &str) -> Answer {
    let entity = match asker.rank >= MODERATOR {
        true => desk.room_for(&asker.user, room)?.0,
        false => desk.own_room(asker.player, room)?.0,
    };
    let history = desk.world.get::<RoomHistory>(entity);
    let said = history.and_then(|history| history.find(mid));
    let said = said.ok_or(ErrorCode::UnknownMessage)?;
    let (author, said_by) = (said.author().cloned(), said.rank);
    let is_own = author.as_ref() == Some(asker.user.id());
    if !is_own {
        check_moderator(asker)?;
        let rank = author.and_then(|author| desk.rank(&author));
        if rank.unwrap_or(said_by) >= asker.rank {
            return Err(ErrorCode::Forbidden.into());
        }
    }
    let mut history = desk.world.get_mut::<RoomHistory>(entity);
    let deleted = history.as_mut().and_then(|history| history.delete(mid));
    let Some((seq, mid)) = deleted else {
        // It was deleted before.
        return done();
    };
    relay::publish(desk.world, || Relayed::Deleted {
        room: room.to_owned(),
        mid: mid.to_string(),
    });
    let room: std::sync::Arc<str> = room.into();
    desk.record(|| ChatRecord::Deleted(mid.clone()));
    desk.tell_room(entity, &Told::Deleted { room, seq, mid });
    if !is_own {
        note(desk, asker, Moderation::Delete(entity, seq), None);
    }
    done()
}
