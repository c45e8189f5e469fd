//! The game moderates, in a user's name or the house's.

use bevy_bouncer::{UserId, text::clean_line};
use bevy_bouncer_protocol::{ErrorCode, REASON_MAX_BYTES};
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, AnswerTo, By, GameRequest, Moderator, Reply},
    },
    decisions::in_name_of,
    events::moderation::Moderation,
    model::history::RoomHistory,
    requests::{delete, mutes, removal, rules},
};

/// Does what moderators do, in a user's name or the house's: by the same rules, with the same audit line and
/// [`Moderated`](crate::Moderated). What came of it is a [`ModerationResult`](crate::ModerationResult).
///
/// In a user's name it is done as far as the user might: users below them, and rooms that are for them. Somebody who is not
/// here is looked up in the directory first, and so is the target; decisions in one name stay in their order.
/// The house is above everybody, and what it decides, admins may end and moderators may not, as with an admin's own.
///
/// ```
/// use std::collections::HashMap;
///
/// use bevy_bouncer::UserId;
/// use bevy_bouncer_chat::{Moderate, Moderation, ModerationResult, MutedIn, Spoken};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Resource, Default)]
/// struct Shouts(HashMap<UserId, u32>);
///
/// fn calm_down(mut spoken: MessageReader<Spoken>, mut shouts: ResMut<Shouts>, mut commands: Commands) {
///     for said in spoken.read() {
///         let Some(user) = said.user.as_ref().filter(|_| said.text.ends_with("!!!")) else {
///             continue;
///         };
///         let count = shouts.0.entry(user.id().clone()).or_default();
///         *count += 1;
///         if *count >= 3 {
///             commands.queue(Moderate {
///                 by: None,
///                 action: Moderation::Mute(user.id().clone(), MutedIn::Everywhere, 60),
///                 reason: Some("no shouting".into()),
///             });
///         }
///     }
/// }
///
/// fn see(mut results: MessageReader<ModerationResult>) {
///     for result in results.read() {
///         if let Err(code) = result.result {
///             println!("{:?}: {}", result.action, code.as_str());
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderate {
    /// In whose name; `None` is the house.
    pub by: Option<UserId>,
    /// What is done.
    pub action: Moderation,
    /// Why, in words for the user and the log, of at most 100 bytes. What cannot be shown in a line is taken out.
    pub reason: Option<String>,
}

impl Command for Moderate {
    type Out = ();

    fn apply(self, world: &mut World) {
        let Self { by, action, reason } = self;
        let mut context = ChatContext::new(world);
        let answer_to = AnswerTo::Game(Box::new(GameRequest {
            by: by.clone(),
            action: action.clone(),
            reason: reason.clone(),
        }));
        let is_too_long = |reason: &String| reason.len() > REASON_MAX_BYTES;
        let shown = reason
            .as_ref()
            .map(|reason| clean_line(reason).into_owned());
        let shown = shown.filter(|reason| !reason.is_empty());
        let answer = if reason.as_ref().is_some_and(is_too_long) {
            Err(ErrorCode::BadRequest.into())
        } else if let Some(by) = by {
            in_name_of(&mut context, by, answer_to.clone(), |context, moderator| {
                carry_out(context, moderator, action, shown)
            })
        } else {
            let house = Moderator {
                by: By::House,
                answer_to: answer_to.clone(),
            };
            carry_out(&mut context, &house, action, shown)
        };
        match answer {
            Ok(Reply::Now(ack)) => context.conclude(answer_to, Ok(*ack)),
            Ok(Reply::Deferred) => {}
            Err(denied) => context.conclude(answer_to, Err(denied)),
        }
        context.finish();
    }
}

fn carry_out(
    context: &mut ChatContext,
    moderator: &Moderator,
    action: Moderation,
    reason: Option<String>,
) -> Answer {
    let name = |context: &ChatContext, room| {
        let name = context.name_of_room(room);
        name.ok_or(ErrorCode::UnknownRoom)
    };
    match action {
        Moderation::Mute(user, place, seconds) => {
            let room = place.room().map(str::to_owned);
            mutes::mute(context, moderator, user, room, Some(seconds), reason)
        }
        Moderation::Unmute(user, place) => {
            let room = place.room().map(str::to_owned);
            mutes::unmute(context, moderator, user, room, reason)
        }
        Moderation::Kick(user) => removal::kick(context, moderator, user, reason),
        Moderation::Ban(user, until) => removal::ban(context, moderator, user, until, reason),
        Moderation::LogOut(user) => removal::log_out(context, moderator, user, reason),
        Moderation::Revoke(user) => removal::revoke(context, moderator, user, reason),
        Moderation::Restore(user) => removal::restore(context, moderator, user, reason),
        Moderation::SlowMode(room, seconds) => {
            let room = name(context, room)?;
            rules::slow(context, moderator, &room, seconds, reason)
        }
        Moderation::Freeze(room, on) => {
            let room = name(context, room)?;
            rules::freeze(context, moderator, &room, on, reason)
        }
        Moderation::Delete(room, seq) => {
            let name = name(context, room)?;
            let history = context.world.get::<RoomHistory>(room);
            let said = history.and_then(|history| history.numbered(seq));
            let mid = said.ok_or(ErrorCode::UnknownMessage)?.mid.clone();
            delete::delete_said(context, moderator, &name, &mid, reason)
        }
    }
}
