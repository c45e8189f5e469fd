//! The start of a tick: what clients ask for is done and answered.

use bevy_ecs::{prelude::*, system::SystemState};

use super::{
    desk::{Answer, Asker, Desk, Reply},
    error_code::{Denied, ErrorCode},
    filter::Judging,
    game_messages::GameMessages,
    later::{Done, Later},
    moderation,
    protocol::{Asked, Op, Request, parse},
    relay, session, speak, visit,
};
use bevy_bouncer::{ClientFrame, Outbox, User};

/// Answers everything that has come. Binary messages are the game's.
pub(super) fn receive(
    world: &mut World,
    frames: &mut SystemState<MessageReader<ClientFrame>>,
    outbox: &mut SystemState<Outbox>,
) {
    let frames: Vec<ClientFrame> = match frames.get_mut(world) {
        Ok(mut reader) => reader.read().cloned().collect(),
        Err(_) => Vec::new(),
    };
    let finished = world.resource_mut::<Later>().take();
    if frames.is_empty() && finished.is_empty() {
        return;
    }
    let mut desk = Desk::new(world);
    for done in finished {
        finish(&mut desk, done);
    }
    for frame in frames {
        let user = desk.world.get::<User>(frame.entity).cloned();
        let user = user.filter(|user| desk.hears(frame.entity, user));
        if let (Some(user), Some(text)) = (user, frame.payload.as_text()) {
            answer(&mut desk, frame.entity, user, text);
        }
    }
    desk.finish(outbox);
}

fn finish(desk: &mut Desk, done: Done) {
    match done {
        Done::Answer { player, id, result } => desk.answer(player, id, result),
        Done::Located {
            player,
            id,
            whisper,
            is_online,
        } => relay::located(desk, player, id, whisper, is_online),
        Done::Judged {
            user,
            number,
            verdict,
        } => {
            let mut judging = desk.world.resource_mut::<Judging>();
            for (utterance, verdict) in judging.decide(&user, number, verdict) {
                speak::judged(desk, utterance, verdict);
            }
        }
    }
}

fn answer(desk: &mut Desk, player: Entity, user: User, text: &str) {
    let Asked { id, what } = parse(text);
    let asker = Asker::new(player, user, id);
    let answer = what
        .map_err(Denied::from)
        .and_then(|op| dispatch(desk, &asker, op));
    let result = match answer {
        Ok(Reply::Later) => return,
        Ok(Reply::Done(ack)) => Ok(*ack),
        Err(denied) => Err(denied),
    };
    desk.answer(player, asker.id, result);
}

fn dispatch(desk: &mut Desk, asker: &Asker, op: Op) -> Answer {
    let request = match op {
        Op::Chat(request) => request,
        Op::Other(op, content) => return GameMessages::receive(desk, asker, &op, content),
    };
    if !matches!(
        request,
        Request::ChatSend { .. } | Request::ChatWhisper { .. }
    ) {
        let (options, now) = (desk.options.clone(), desk.now);
        let mut person = desk.person(&asker.user)?;
        let (burst, rate) = (options.requests_burst, options.requests_per_second);
        let taken = person.requests.take(burst, rate, now);
        taken.map_err(|wait| Denied::after(ErrorCode::RateLimited, wait))?;
        if request.has_a_long_answer() {
            let (burst, rate) = (options.answer_bytes, options.answer_bytes_per_second);
            let free = person.answers.settle(burst, rate as f64, now);
            free.map_err(|wait| Denied::after(ErrorCode::RateLimited, wait))?;
        }
    }
    match request {
        Request::RoomList {} => visit::list(desk, asker),
        Request::RoomJoin { room } => visit::join(desk, asker, &room),
        Request::RoomLeave { room } => visit::leave(desk, asker, &room),
        Request::ChatSend { room, d } => speak::send(desk, asker, &room, &d.text),
        Request::ChatWhisper { to, d } => speak::whisper(desk, asker, to, &d.text),
        Request::ChatHistory {
            room,
            after,
            before,
        } => visit::history(desk, asker, &room, after, before),
        Request::ChatDelete { room, mid } => moderation::delete(desk, asker, &room, &mid),
        Request::ChatTyping { room } => visit::typing(desk, asker, &room),
        Request::AuthRefresh { token } => session::refresh(desk, asker, token),
        Request::ModMute {
            user,
            room,
            seconds,
            reason,
        } => moderation::mute(desk, asker, user, room, seconds, reason),
        Request::ModUnmute { user, room } => moderation::unmute(desk, asker, user, room),
        Request::ModMutes {} => moderation::mutes(desk, asker),
        Request::ModKick { user, reason } => moderation::kick(desk, asker, user, reason),
        Request::ModBan {
            user,
            seconds,
            reason,
        } => moderation::ban(desk, asker, user, seconds, reason),
        Request::ModRevoke { user, reason } => moderation::revoke(desk, asker, user, reason),
        Request::ModRestore { user } => moderation::restore(desk, asker, user),
        Request::ModSlow { room, seconds } => moderation::slow(desk, asker, &room, seconds),
        Request::ModFreeze { room, on } => moderation::freeze(desk, asker, &room, on),
    }
}
