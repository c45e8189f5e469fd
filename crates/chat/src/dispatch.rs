//! The start of a tick: what clients ask for is done and answered.

use bevy_bouncer::{ClientRequest, User};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    context::{
        ChatContext, SentAway,
        asker::{Answer, Asker, Moderator, Reply},
    },
    deferred::DeferredReplies,
    protocol::{Denied, Request, parse},
    requests::{delete, mutes, removal, rooms, rules, send},
};

/// Finishes what was deferred, and answers everything that has come.
pub(crate) fn receive(world: &mut World, requests: &mut SystemState<MessageReader<ClientRequest>>) {
    let requests: Vec<ClientRequest> = match requests.get_mut(world) {
        Ok(mut reader) => reader.read().cloned().collect(),
        Err(_) => Vec::new(),
    };
    let deferred = world.resource_mut::<DeferredReplies>().take();
    if requests.is_empty() && deferred.is_empty() {
        return;
    }
    world.resource_mut::<SentAway>().0.clear();
    let mut context = ChatContext::new(world);
    for finish in deferred {
        finish(&mut context);
    }
    for request in requests {
        let user = context.world.get::<User>(request.player).cloned();
        if let Some(user) = user.filter(|user| context.accepts(request.player, user)) {
            answer(&mut context, user, request);
        }
    }
    context.finish();
}

fn answer(context: &mut ChatContext, user: User, request: ClientRequest) {
    let player = request.player;
    let asker = Asker::new(player, user, request.id);
    let answer = match parse(request.fields) {
        Ok(request) => dispatch(context, &asker, request),
        Err(code) => Err(code.into()),
    };
    let result = match answer {
        Ok(Reply::Deferred) => return,
        Ok(Reply::Now(ack)) => Ok(*ack),
        Err(denied) => Err(denied),
    };
    context.answer(player, asker.id, result);
}

/// Refuses a user who asks too fast, or got too many long answers.
fn check_rate(context: &mut ChatContext, asker: &Asker, request: &Request) -> Result<(), Denied> {
    if matches!(
        request,
        // These have a rate of their own.
        Request::ChatSend { .. } | Request::ChatWhisper { .. }
    ) {
        return Ok(());
    }
    let (options, now) = (context.options.clone(), context.now);
    let mut record = context.record_of(&asker.user)?;
    let (burst, rate) = (options.requests_burst, options.requests_per_second);
    let taken = record.requests.take(burst, rate, now);
    taken.map_err(|wait| Denied::after(ErrorCode::RateLimited, wait))?;
    if has_a_long_answer(request) {
        let (burst, rate) = (options.answer_bytes, options.answer_bytes_per_second);
        let free = record.answers.settle(burst, rate as f64, now);
        free.map_err(|wait| Denied::after(ErrorCode::RateLimited, wait))?;
    }
    Ok(())
}

/// Whether the answer can have many thousand bytes.
fn has_a_long_answer(request: &Request) -> bool {
    matches!(
        request,
        Request::RoomList {}
            | Request::RoomJoin { .. }
            | Request::ChatHistory { .. }
            | Request::ModMutes {}
    )
}

fn dispatch(context: &mut ChatContext, asker: &Asker, request: Request) -> Answer {
    check_rate(context, asker, &request)?;
    match request {
        Request::RoomList {} => rooms::list(context, asker),
        Request::RoomJoin { room } => rooms::join(context, asker, &room),
        Request::RoomLeave { room } => rooms::leave(context, asker, &room),
        Request::ChatSend { room, d } => send::send(context, asker, &room, &d.text),
        Request::ChatWhisper { to, d } => send::whisper(context, asker, to, &d.text),
        Request::ChatHistory {
            room,
            after,
            before,
        } => rooms::history(context, asker, &room, after, before),
        Request::ChatDelete { room, mid } => delete::delete(context, asker, &room, &mid),
        Request::ChatTyping { room } => rooms::typing(context, asker, &room),
        request => moderate(context, &Moderator::from(asker), request),
    }
}

fn moderate(context: &mut ChatContext, moderator: &Moderator, request: Request) -> Answer {
    match request {
        Request::ModMute {
            user,
            room,
            seconds,
            reason,
        } => mutes::mute(context, moderator, user, room, seconds, reason),
        Request::ModUnmute { user, room } => mutes::unmute(context, moderator, user, room, None),
        Request::ModMutes {} => mutes::list(context, moderator),
        Request::ModKick { user, reason } => removal::kick(context, moderator, user, reason),
        Request::ModBan {
            user,
            seconds,
            reason,
        } => {
            let now = context.unix_now / 1000;
            let until = seconds.map(|seconds| now.saturating_add(seconds));
            removal::ban(context, moderator, user, until, reason)
        }
        Request::ModLogOut { user, reason } => removal::log_out(context, moderator, user, reason),
        Request::ModRevoke { user, reason } => removal::revoke(context, moderator, user, reason),
        Request::ModRestore { user } => removal::restore(context, moderator, user, None),
        Request::ModSlow { room, seconds } => rules::slow(context, moderator, &room, seconds, None),
        Request::ModFreeze { room, on } => rules::freeze(context, moderator, &room, on, None),
        _ => Err(ErrorCode::UnknownOp.into()),
    }
}
