//! Who may not speak. Everything that moderators do is told to the game, and is an audit line of the log.

use std::{cmp::Reverse, time::Duration};

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::{Ack, ErrorCode, ListedMute};

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Moderator},
        change::Origin,
    },
    decisions::if_above,
    events::moderation::Moderation,
    model::{
        mutes::{MutedIn, StoredMute},
        users::Users,
    },
    protocol::{Denied, milliseconds},
    publish::ChatEvent,
    rank_check::check_moderator,
};

/// Mutes of one list, so that it fits any queue.
const MUTES_LISTED: usize = 500;

/// `mod.mute`
pub(crate) fn mute(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    room: Option<String>,
    seconds: Option<u64>,
    reason: Option<String>,
) -> Answer {
    let longest = context.options.longest_mute;
    let length = seconds.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
    if length.is_zero() {
        check_moderator(moderator)?;
        return Err(ErrorCode::BadRequest.into());
    }
    if_above(
        context,
        moderator,
        user.clone(),
        move |context, moderator| {
            let place = check_mutable(context, moderator, &user, &room)?;
            let record = context.record_by_id(&user)?;
            let mute = StoredMute {
                user: user.clone(),
                name: record.name.clone(),
                rank: record.rank,
                room,
                by_rank: moderator.rank(),
                until: context.unix_now.saturating_add(milliseconds(length)),
                reason: reason.clone(),
            };
            let by = moderator.user().cloned();
            let ack = context.apply(ChatEvent::Muted(mute, by), Origin::ThisNode)?;
            let action = Moderation::Mute(user, place, length.as_secs());
            context.report(moderator, action, reason);
            Ok(ack.unwrap_or_default().into())
        },
    )
}

/// `mod.unmute`
pub(crate) fn unmute(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: UserId,
    room: Option<String>,
    reason: Option<String>,
) -> Answer {
    if_above(
        context,
        moderator,
        user.clone(),
        move |context, moderator| {
            let place = check_mutable(context, moderator, &user, &room)?;
            let event = ChatEvent::Unmuted {
                user: user.clone(),
                room,
                by: moderator.user().cloned(),
                by_rank: moderator.rank(),
            };
            context.apply(event, Origin::ThisNode)?;
            context.report(moderator, Moderation::Unmute(user, place), reason);
            Ok(Ack::default().into())
        },
    )
}

/// Where the mute is that a moderator begins or ends. Refuses rooms that are not for the moderator, and what a higher
/// moderator decided.
fn check_mutable(
    context: &mut ChatContext,
    moderator: &Moderator,
    user: &UserId,
    room: &Option<String>,
) -> Result<MutedIn, Denied> {
    if let Some(room) = room {
        context.room_to_moderate(moderator, room)?;
    }
    let place = MutedIn::new(room.clone());
    if context
        .record_by_id(user)?
        .is_muted_from_above(&place, moderator.rank())
    {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(place)
}

/// `mod.mutes`
pub(crate) fn list(context: &mut ChatContext, moderator: &Moderator) -> Answer {
    check_moderator(moderator)?;
    // Moderators hear nothing of rooms that are not for them.
    let is_for_moderator = |place: &MutedIn| {
        let room = place.room();
        room.is_none_or(|room| context.room_to_moderate(moderator, room).is_ok())
    };
    let users = context.world.resource::<Users>();
    let mutes = users.iter().flat_map(|(user, record)| {
        let mutes = record.mutes().filter(|(place, ..)| is_for_moderator(place));
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
