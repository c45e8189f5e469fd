//! The rules of rooms, as moderators set them.

use std::time::Duration;

use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::entity::Entity;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Moderator},
        change::Origin,
    },
    events::moderation::Moderation,
    model::room::{LONGEST_PAUSE, RoomRule},
    protocol::{Denied, milliseconds},
    publish::ChatEvent,
    rank_check::check_moderator,
    shared::rules::RuleDecision,
};

/// `mod.slow`
pub(crate) fn slow(
    context: &mut ChatContext,
    moderator: &Moderator,
    room: &str,
    seconds: u64,
    reason: Option<String>,
) -> Answer {
    let pause = Duration::from_secs(seconds);
    if pause > LONGEST_PAUSE {
        return Err(ErrorCode::BadRequest.into());
    }
    let room = change(
        context,
        moderator,
        room,
        RoomRule::Slow(milliseconds(pause)),
    )?;
    context.report(moderator, Moderation::SlowMode(room, seconds), reason);
    Ok(Ack::default().into())
}

/// `mod.freeze`
pub(crate) fn freeze(
    context: &mut ChatContext,
    moderator: &Moderator,
    room: &str,
    on: bool,
    reason: Option<String>,
) -> Answer {
    let room = change(context, moderator, room, RoomRule::Frozen(on))?;
    context.report(moderator, Moderation::Freeze(room, on), reason);
    Ok(Ack::default().into())
}

/// Changes a rule, unless somebody above has set it. The members are told at the end of the tick.
fn change(
    context: &mut ChatContext,
    moderator: &Moderator,
    name: &str,
    rule: RoomRule,
) -> Result<Entity, Denied> {
    check_moderator(moderator)?;
    let room = context.room_to_moderate(moderator, name)?;
    let decision = RuleDecision::new(rule, moderator.user().cloned(), moderator.rank());
    let event = ChatEvent::Rule(name.to_owned(), decision);
    context.apply(event, Origin::ThisNode)?;
    Ok(room)
}
