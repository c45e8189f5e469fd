//! Saying something: in a room, or to a user.

use std::{sync::Arc, time::Duration};

use bevy_bouncer::{Cluster, User, UserId};
use bevy_bouncer_protocol::{Body, ErrorCode, ServerMessage};
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{Answer, Asker, Reply},
        change::Origin,
        say::Author,
    },
    deferred::defer,
    events::speaking::Speaking,
    filter::{self, ActiveFilter, Destination, PendingFilter, PendingMessage, Undecided, Verdict},
    handled,
    model::{ids::IdGenerator, role::rank_of, room::Room, text, users::Users},
    options::{ChatOptions, FilterFailure},
    protocol::{Denied, speaker},
    publish::{ChatEvent, Whisper},
};

/// When to whisper again, when it is not known who is where.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// `chat.send`
pub(crate) fn send(context: &mut ChatContext, asker: &Asker, room: &str, text: &str) -> Answer {
    if has_answer(context, asker) {
        return Ok(Reply::Deferred);
    }
    let (entity, room) = room_to_speak_in(context, asker.player, &asker.user, room)?;
    let to = Destination::Room(entity, room.shared_name());
    check_can_speak(context, &asker.user, asker.rank, &to)?;
    let text = text::check(text, &context.options)?;
    let (options, now) = (context.options.clone(), context.now);
    let pause = context.pause_in(entity, asker.rank);
    let mut record = context.record_of(&asker.user)?;
    if let Some(pause) = pause {
        let most = options.rooms_per_player;
        let limit = &mut record.speaking;
        limit.check_slow_mode(entity, pause, most, now)?;
    }
    record.speaking.check_rate(&options, now)?;
    let mut speaking = Speaking {
        player: asker.player,
        user: asker.user.clone(),
        room: entity,
        text,
        is_refused: false,
        answer: None,
    };
    context.world.trigger_ref(&mut speaking);
    context.world.flush();
    if let Some(answer) = speaking.answer.filter(|_| !speaking.is_refused) {
        return handled::conclude(context, asker, room.shared_name(), &answer);
    }
    let mut record = context.record_of(&asker.user)?;
    record.speaking.record_message(entity, pause, now);
    if speaking.is_refused {
        return Err(ErrorCode::Refused.into());
    }
    let text = text::replaced(&speaking.text, &context.options);
    let text = text.ok_or(ErrorCode::Refused)?;
    filter_and_deliver(context, asker, to, text)
}

/// `chat.whisper`
pub(crate) fn whisper(context: &mut ChatContext, asker: &Asker, to: UserId, text: &str) -> Answer {
    if has_answer(context, asker) {
        return Ok(Reply::Deferred);
    }
    let to = Destination::User(to);
    check_can_speak(context, &asker.user, asker.rank, &to)?;
    let text = text::check(text, &context.options)?;
    let (options, now) = (context.options.clone(), context.now);
    let mut record = context.record_of(&asker.user)?;
    record.speaking.check_rate(&options, now)?;
    filter_and_deliver(context, asker, to, text)
}

/// Whether the request was answered before, or will be. Its answer is told again.
fn has_answer(context: &mut ChatContext, asker: &Asker) -> bool {
    let Some(id) = &asker.id else {
        return false;
    };
    let user = asker.user.id();
    let mut pending = context.world.resource_mut::<PendingFilter>();
    if pending.is_waiting(user, id, asker.player) {
        return true;
    }
    let record = context.record_of(&asker.user).ok();
    let Some(answer) = record.and_then(|record| record.answers_given.find(id)) else {
        return false;
    };
    if let Some(notice) = &answer.notice {
        handled::tell(context, asker.player, answer.ack.room.clone(), notice);
    }
    context.reply(asker.player, &ServerMessage::Ack(Box::new(answer.ack)));
    true
}

fn check_can_speak(
    context: &mut ChatContext,
    user: &User,
    rank: u8,
    to: &Destination,
) -> Result<(), Denied> {
    let room = to.room().map(|(entity, name)| (entity, &**name));
    context.check_can_speak(user, rank, room)
}

/// The room that the player is in and may say something in.
fn room_to_speak_in(
    context: &ChatContext,
    player: Entity,
    user: &User,
    name: &str,
) -> Result<(Entity, Room), ErrorCode> {
    let (entity, room) = context.own_room(player, name)?;
    if !room.access.may_send(user) {
        return Err(ErrorCode::Forbidden);
    }
    Ok((entity, room))
}

/// Delivers it, or asks the filter first.
fn filter_and_deliver(
    context: &mut ChatContext,
    asker: &Asker,
    to: Destination,
    text: String,
) -> Answer {
    let message = PendingMessage {
        player: asker.player,
        user: asker.user.clone(),
        id: asker.id.clone(),
        to,
        text,
    };
    let Some(ActiveFilter(filter)) = context.world.get_resource().cloned() else {
        return deliver(context, message);
    };
    let most = context.options.filter_queue;
    if context.world.resource::<PendingFilter>().is_full(most) {
        return Err(unavailable(&context.options));
    }
    filter::ask(context.world, filter, message, filtered);
    Ok(Reply::Deferred)
}

fn unavailable(options: &ChatOptions) -> Denied {
    Denied::after(ErrorCode::Unavailable, options.filter_deadline)
}

/// The filter has decided.
fn filtered(
    context: &mut ChatContext,
    mut message: PendingMessage,
    verdict: Result<Verdict, Undecided>,
) {
    let (player, id) = (message.player, message.id.clone());
    let allowed = match verdict {
        Ok(Verdict::Allow) => Ok(()),
        Ok(Verdict::Replace(by)) => match text::replaced(&by, &context.options) {
            Some(text) => {
                message.text = text;
                Ok(())
            }
            None => Err(ErrorCode::Refused.into()),
        },
        Ok(Verdict::Drop) => Err(ErrorCode::Refused.into()),
        Err(Undecided) => match context.options.filter_failure {
            FilterFailure::Allow => Ok(()),
            FilterFailure::Refuse => Err(unavailable(&context.options)),
        },
    };
    let user = context.world.get::<User>(player).cloned();
    let Some(user) = user.filter(|user| context.accepts(player, user)) else {
        // A user who comes back sends it again.
        return;
    };
    // The name or the roles may be others by now.
    message.user = user;
    let result = allowed.and_then(|()| check_again(context, &message));
    match result.and_then(|()| deliver(context, message)) {
        Ok(Reply::Now(ack)) => context.answer(player, id, Ok(*ack)),
        Ok(Reply::Deferred) => {}
        Err(denied) => context.answer(player, id, Err(denied)),
    }
}

/// Much can have happened while the filter was thinking.
fn check_again(context: &mut ChatContext, message: &PendingMessage) -> Result<(), Denied> {
    let user = &message.user;
    if let Some((_, name)) = message.to.room() {
        room_to_speak_in(context, message.player, user, name)?;
    }
    check_can_speak(context, user, rank_of(user), &message.to)
}

/// Says it. The same id gets the same answer from now on.
fn deliver(context: &mut ChatContext, message: PendingMessage) -> Answer {
    let PendingMessage {
        player,
        user,
        id,
        to,
        text,
    } = message;
    match to {
        Destination::Room(room, _) => {
            let ack = context.say(room, Author::Player(player, &user, id.as_deref()), text)?;
            Ok(ack.into())
        }
        Destination::User(to) => {
            let whisper = Whisper {
                mid: new_id(context).to_string(),
                ts: context.unix_now,
                from: speaker(&user),
                rank: rank_of(&user),
                to,
                d: Body { text },
                client_id: id,
            };
            if context.players_of(&whisper.to).is_empty() {
                return whisper_elsewhere(context, player, whisper);
            }
            let ack = context.apply(ChatEvent::Whispered(whisper), Origin::ThisNode)?;
            Ok(ack.unwrap_or_default().into())
        }
    }
}

fn new_id(context: &mut ChatContext) -> Arc<str> {
    context.world.resource_mut::<IdGenerator>().next()
}

/// Whispers to a user who is not on this node, if they are on any.
fn whisper_elsewhere(context: &mut ChatContext, player: Entity, whisper: Whisper) -> Answer {
    let cluster = context.world.get_resource::<Cluster>();
    let cluster = cluster.ok_or(ErrorCode::UnknownUser)?.clone();
    let to = whisper.to.clone();
    let is_online = async move { cluster.online(&to).await.ok() };
    defer(context.world, is_online, move |context, is_online| {
        located(context, player, whisper, is_online);
    });
    Ok(Reply::Deferred)
}

/// Whether the receiver is on another node is known by now, or cannot be known.
fn located(context: &mut ChatContext, player: Entity, whisper: Whisper, is_online: Option<bool>) {
    let user = context.world.get::<User>(player).cloned();
    let Some(user) = user.filter(|user| context.accepts(player, user)) else {
        // A user who comes back sends it again.
        return;
    };
    let id = whisper.client_id.clone();
    let result = match is_online {
        Some(true) => context.check_can_speak(&user, rank_of(&user), None),
        Some(false) => Err(ErrorCode::UnknownUser.into()),
        None => Err(Denied::after(ErrorCode::Unavailable, ASK_AGAIN)),
    };
    if let Err(denied) = result {
        return context.answer(player, id, Err(denied));
    }
    // It was sent twice, when the connection was lost meanwhile.
    let sender = context.world.resource::<Users>().get(user.id());
    let answered = sender.zip(id.as_deref());
    let answered = answered.and_then(|(sender, id)| sender.answers_given.find(id));
    let result = match answered {
        Some(answered) => Ok(answered.ack),
        None => context
            .apply(ChatEvent::Whispered(whisper), Origin::ThisNode)
            .map(Option::unwrap_or_default),
    };
    context.answer(player, id, result);
}
