//! Saying something: in a room, or to somebody.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::{
    ChatSettings,
    archive::{ChatRecord, KeptMessage},
    desk::{Answer, Asker, Desk, Reply},
    error_code::{Denied, ErrorCode},
    events::{Speaking, Spoken},
    filter::{self, Draft, FilterFailure, Judging, Undecided, Verdict},
    history::RoomHistory,
    mint::Mint,
    options::ChatOptions,
    protocol::Body,
    rank::rank_of,
    relay::{self, Relayed, Whisper},
    room::{LONGEST_PAUSE, Room, RoomRules},
    text,
    told::{Ack, Told, unix_milliseconds},
};
use bevy_bouncer::{User, UserId};

/// Something that somebody may say, unless the filter thinks otherwise.
#[derive(Clone)]
pub(super) struct Utterance {
    pub player: Entity,
    pub user: User,
    pub id: Option<String>,
    pub place: Place,
    pub text: String,
}

/// Where something is said.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    Room(Entity, Arc<str>),
    To(UserId),
}

/// `chat.send`
pub(super) fn send(desk: &mut Desk, asker: &Asker, room: &str, text: &str) -> Answer {
    if has_answer(desk, asker) {
        return Ok(Reply::Later);
    }
    let (entity, room) = room_to_speak_in(desk, asker.player, &asker.user, room)?;
    let place = Place::Room(entity, room.shared_name());
    check_silence(desk, &asker.user, asker.rank, &place)?;
    let text = text::check(text, desk.options.text_length)?;
    let (options, now) = (desk.options.clone(), desk.now);
    let rules = desk.world.get::<RoomRules>(entity);
    let slow_mode = rules.and_then(|rules| rules.slow_mode);
    let mut person = desk.person(&asker.user)?;
    let pause = slow_mode.filter(|_| asker.rank == 0);
    let pause = pause.map(|pause| pause.min(LONGEST_PAUSE));
    if let Some(pause) = pause {
        let most = options.rooms_per_player;
        person.pace.check_slow_mode(entity, pause, most, now)?;
    }
    person.pace.may_speak(&options, now)?;
    person.pace.spoke(entity, pause, now);
    let mut speaking = Speaking {
        player: asker.player,
        user: asker.user.clone(),
        room: entity,
        text: text.to_owned(),
        is_refused: false,
    };
    desk.world.trigger_ref(&mut speaking);
    if speaking.is_refused {
        return Err(ErrorCode::Refused.into());
    }
    judge(desk, asker, place, speaking.text)
}

/// `chat.whisper`
pub(super) fn whisper(desk: &mut Desk, asker: &Asker, to: UserId, text: &str) -> Answer {
    if has_answer(desk, asker) {
        return Ok(Reply::Later);
    }
    let place = Place::To(to);
    check_silence(desk, &asker.user, asker.rank, &place)?;
    let text = text::check(text, desk.options.text_length)?;
    let (options, now) = (desk.options.clone(), desk.now);
    let mut person = desk.person(&asker.user)?;
    person.pace.may_speak(&options, now)?;
    judge(desk, asker, place, text.to_owned())
}

/// Whether the request was answered before, or will be. Its answer is told again.
fn has_answer(desk: &mut Desk, asker: &Asker) -> bool {
    let Some(id) = &asker.id else {
        return false;
    };
    let user = asker.user.id();
    let mut judging = desk.world.resource_mut::<Judging>();
    if judging.is_waiting(user, id, asker.player) {
        return true;
    }
    let person = desk.person(&asker.user).ok();
    let answer = person.and_then(|person| person.answered(id));
    let is_answered = answer.is_some();
    if let Some(ack) = answer {
        desk.reply(asker.player, &Told::Ack(Box::new(ack)));
    }
    is_answered
}

/// Refuses whoever is muted, and in a frozen room everybody below a moderator.
pub(super) fn check_silence(
    desk: &mut Desk,
    user: &User,
    rank: u8,
    place: &Place,
) -> Result<(), Denied> {
    let room = match place {
        Place::Room(_, name) => Some(name.clone()),
        Place::To(_) => None,
    };
    desk.person(user)?.check_mute(room.as_deref())?;
    let Place::Room(entity, _) = place else {
        return Ok(());
    };
    let rules = desk.world.get::<RoomRules>(*entity);
    match rules.is_some_and(|rules| rules.is_frozen) && rank == 0 {
        true => Err(ErrorCode::Frozen.into()),
        false => Ok(()),
    }
}

/// Says it, or asks the filter first.
fn judge(desk: &mut Desk, asker: &Asker, place: Place, text: String) -> Answer {
    let utterance = Utterance {
        player: asker.player,
        user: asker.user.clone(),
        id: asker.id.clone(),
        place,
        text,
    };
    let Some(filter) = desk.world.resource::<ChatSettings>().filter.clone() else {
        return utter(desk, utterance);
    };
    let most = desk.options.filter_queue;
    if desk.world.resource::<Judging>().is_full(most) {
        return Err(unavailable(&desk.options));
    }
    let draft = Draft {
        user: utterance.user.clone(),
        room: match &utterance.place {
            Place::Room(_, name) => Some(name.clone()),
            Place::To(_) => None,
        },
        text: utterance.text.clone(),
    };
    filter::ask(desk.world, filter, draft, utterance);
    Ok(Reply::Later)
}

fn unavailable(options: &ChatOptions) -> Denied {
    Denied::after(ErrorCode::Unavailable, options.filter_deadline)
}

/// The filter has decided.
pub(super) fn judged(
    desk: &mut Desk,
    mut utterance: Utterance,
    verdict: Result<Verdict, Undecided>,
) {
    let (player, id) = (utterance.player, utterance.id.clone());
    let allowed = match verdict {
        Ok(Verdict::Allow) => Ok(()),
        Ok(Verdict::Replace(text)) => {
            utterance.text = text;
            Ok(())
        }
        Ok(Verdict::Drop) => Err(ErrorCode::Refused.into()),
        Err(Undecided) => match desk.options.filter_failure {
            FilterFailure::Allow => Ok(()),
            FilterFailure::Refuse => Err(unavailable(&desk.options)),
        },
    };
    let user = desk.world.get::<User>(player).cloned();
    let Some(user) = user.filter(|user| desk.hears(player, user)) else {
        // Whoever comes back says it again.
        return;
    };
    // The name or the roles may be others by now.
    utterance.user = user;
    let result = allowed.and_then(|()| still_allowed(desk, &utterance));
    match result.and_then(|()| utter(desk, utterance)) {
        Ok(Reply::Done(ack)) => desk.answer(player, id, Ok(*ack)),
        Ok(Reply::Later) => {}
        Err(denied) => desk.answer(player, id, Err(denied)),
    }
}

/// Much can have happened while the filter was thinking.
fn still_allowed(desk: &mut Desk, utterance: &Utterance) -> Result<(), Denied> {
    let user = &utterance.user;
    if let Place::Room(_, name) = &utterance.place {
        room_to_speak_in(desk, utterance.player, user, name)?;
    }
    check_silence(desk, user, rank_of(user), &utterance.place)
}

/// The room that the player is in and may say something in.
fn room_to_speak_in(
    desk: &Desk,
    player: Entity,
    user: &User,
    name: &str,
) -> Result<(Entity, Room), ErrorCode> {
    let (entity, room) = desk.own_room(player, name)?;
    match room.access.may_send(user) {
        true => Ok((entity, room)),
        false => Err(ErrorCode::Forbidden),
    }
}

/// Says it. The answer is remembered.
fn utter(desk: &mut Desk, utterance: Utterance) -> Answer {
    let Utterance {
        player,
        user,
        id,
        place,
        text,
    } = utterance;
    let ack = match place {
        Place::Room(room, _) => say(desk, room, Teller::User(&user, id.as_deref()), text)?,
        Place::To(to) => {
            let whisper = Whisper {
                mid: desk.world.resource_mut::<Mint>().next().to_string(),
                ts: unix_milliseconds(),
                from: (&user).into(),
                rank: rank_of(&user),
                to,
                d: Body { text },
                client_id: id.clone(),
            };
            if desk.players_of(&whisper.to).is_empty() {
                relay::whisper_elsewhere(desk, player, id, whisper)?;
                return Ok(Reply::Later);
            }
            relay::whisper_here(desk, whisper)
        }
    };
    remember(desk, user.id(), id.as_deref(), &ack);
    Ok(ack.into())
}

/// The same id gets the same answer from now on.
pub(super) fn remember(desk: &mut Desk, user: &UserId, id: Option<&str>, ack: &Ack) {
    let most = desk.options.remembered_ids;
    if let (Some(id), Ok(mut person)) = (id, desk.person_called(user)) {
        person.remember(ack, id, most);
    }
}

/// Who says something in a room.
pub(super) enum Teller<'a> {
    /// A user, with the request's id.
    User(&'a User, Option<&'a str>),
    /// A character of the game.
    Character(String),
    Game,
}

/// Says something in a room, whatever the rules are.
pub(super) fn say(
    desk: &mut Desk,
    room: Entity,
    teller: Teller,
    text: String,
) -> Result<Ack, Denied> {
    let name = desk.world.get::<Room>(room).map(Room::shared_name);
    let (user, name_of_user, client_id) = match teller {
        Teller::User(user, id) => (Some(user), Some(user.name().into()), id),
        Teller::Character(name) => (None, Some(name.into()), None),
        Teller::Game => (None, None, None),
    };
    let said = KeptMessage {
        room: name.ok_or(ErrorCode::NotInRoom)?,
        seq: 0,
        mid: desk.world.resource_mut::<Mint>().next(),
        at: unix_milliseconds(),
        user: user.map(|user| user.id().clone()),
        name: name_of_user,
        rank: user.map_or(0, rank_of),
        text: Some(text.clone()),
        client_id: client_id.map(str::to_owned),
    };
    relay::publish(desk.world, || Relayed::Said(said.clone()));
    let said = put(desk, room, said)?;
    desk.world.write_message(Spoken {
        room,
        seq: said.seq,
        user: user.cloned(),
        text,
    });
    Ok(said.ack())
}

/// It was said on another node.
pub(super) fn repeat(desk: &mut Desk, room: Entity, said: KeptMessage) {
    let Ok(said) = put(desk, room, said) else {
        return;
    };
    let most = desk.options.remembered_ids;
    if let Some(user) = &said.user
        && let Ok(mut author) = desk.person_called(user)
    {
        said.introduce(&mut author, most);
    }
}

/// Gives a message its number, keeps it, and tells the room.
fn put(desk: &mut Desk, room: Entity, mut said: KeptMessage) -> Result<KeptMessage, Denied> {
    let most = desk.options.history;
    let history = desk.world.get_mut::<RoomHistory>(room);
    let mut history = history.ok_or(ErrorCode::NotInRoom)?;
    said.seq = history.count();
    let message = said.message();
    history.keep(message.clone(), most);
    desk.record(|| ChatRecord::Said(said.clone()));
    desk.tell_room(room, &Told::Message(message));
    Ok(said)
}
