//! One chat on many nodes: what is said and decided on one is told to the others.
//!
//! Each node has its own numbers and its own epoch, so a client that comes to another node begins anew, and
//! knows messages again by their names. Messages between nodes can be lost, as
//! [`Cluster::publish`](bevy_bouncer::Cluster::publish) says.

use std::time::Duration;

use bevy_ecs::{prelude::*, system::SystemState};
use serde::{Deserialize, Serialize};

use super::{
    archive::{ChatRecord, KeptMessage, KeptMute},
    desk::Desk,
    error_code::{Denied, ErrorCode},
    history::RoomHistory,
    later::{Done, Later},
    people::{Mute, MutedIn, People},
    protocol::Body,
    rank::rank_of,
    room::RoomRules,
    speak::{self, Place, check_silence},
    told::{Ack, Speaker, Told, milliseconds},
};
use bevy_bouncer::{Audience, Cluster, ClusterFrame, Outbox, User, UserId};

/// Where the nodes tell each other. Nothing that a player sends gets there, whatever the game passes on.
const CHANNEL: &str = "bevy_bouncer.chat";

/// When to whisper again, when it is not known who is where.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the nodes tell each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Relayed {
    Said(KeptMessage),
    Deleted {
        room: String,
        mid: String,
    },
    Whispered(Whisper),
    Muted(KeptMute),
    Unmuted(UserId, Option<String>),
    Rules {
        room: String,
        slow_ms: u64,
        frozen: bool,
    },
}

/// A whisper to somebody who is on another node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Whisper {
    pub mid: String,
    pub ts: u64,
    pub from: Speaker,
    /// The sender's.
    pub rank: u8,
    pub to: UserId,
    pub d: Body,
    /// What the sender's client called its request.
    pub client_id: Option<String>,
}

impl Whisper {
    fn ack(&self) -> Ack {
        Ack {
            mid: Some(self.mid.as_str().into()),
            ts: Some(self.ts),
            ..Default::default()
        }
    }

    /// What is told on a node that knows this name for the receiver.
    fn told(self, name: Option<String>) -> Told {
        let name = name.unwrap_or_else(|| self.to.to_string());
        Told::Whisper {
            mid: self.mid.into(),
            ts: self.ts,
            from: self.from,
            to: Speaker {
                id: Some(self.to),
                name: name.into(),
            },
            d: self.d,
        }
    }
}

/// Tells the other nodes, if there are any.
pub(super) fn publish(world: &World, relayed: impl FnOnce() -> Relayed) {
    let Some(cluster) = world.get_resource::<Cluster>() else {
        return;
    };
    let json = serde_json::to_string(&relayed());
    if !json.is_ok_and(|json| cluster.publish_on(CHANNEL, json)) {
        tracing::warn!("a part of the chat is not told to the other nodes");
    }
}

/// Takes what the other nodes have told.
pub(super) fn receive(
    world: &mut World,
    frames: &mut SystemState<MessageReader<ClusterFrame>>,
    outbox: &mut SystemState<Outbox>,
) {
    let relayed: Vec<Relayed> = match frames.get_mut(world) {
        Ok(mut reader) => reader.read().filter_map(open).collect(),
        Err(_) => Vec::new(),
    };
    if relayed.is_empty() {
        return;
    }
    let mut desk = Desk::new(world);
    for relayed in relayed {
        take(&mut desk, relayed);
    }
    desk.finish(outbox);
}

fn open(frame: &ClusterFrame) -> Option<Relayed> {
    match &frame.audience {
        Audience::Channel(channel) if **channel == *CHANNEL => {
            serde_json::from_str(frame.payload.as_text()?).ok()
        }
        _ => None,
    }
}

fn take(desk: &mut Desk, relayed: Relayed) {
    match relayed {
        Relayed::Said(said) => {
            if let Some(room) = desk.room_called(&said.room) {
                speak::repeat(desk, room, said);
            }
        }
        Relayed::Deleted { room, mid } => {
            let Some(entity) = desk.room_called(&room) else {
                return;
            };
            let history = desk.world.get_mut::<RoomHistory>(entity);
            let deleted = history.and_then(|mut history| history.delete(&mid));
            if let Some((seq, mid)) = deleted {
                desk.record(|| ChatRecord::Deleted(mid.clone()));
                let room = room.into();
                desk.tell_room(entity, &Told::Deleted { room, seq, mid });
            }
        }
        Relayed::Whispered(whisper) => {
            // The sender may come to this node, and say it again.
            if let Some(from) = &whisper.from.id {
                speak::remember(desk, from, whisper.client_id.as_deref(), &whisper.ack());
            }
            hear(desk, whisper);
        }
        Relayed::Muted(kept) => mute(desk, kept),
        Relayed::Unmuted(user, room) => {
            let place = MutedIn::new(room.clone());
            let was_muted = desk
                .person_called(&user)
                .is_ok_and(|mut person| person.unmute(&place));
            if was_muted {
                desk.record(|| ChatRecord::Unmuted(user.clone(), room.clone()));
                desk.tell_user(&user, &Told::Unmuted { room });
            }
        }
        Relayed::Rules {
            room,
            slow_ms,
            frozen,
        } => {
            let entity = desk.room_called(&room);
            let rules = entity.and_then(|entity| desk.world.get_mut::<RoomRules>(entity));
            if let Some(mut rules) = rules {
                let slow_mode = (slow_ms > 0).then(|| Duration::from_millis(slow_ms));
                rules.set_if_neq(RoomRules {
                    slow_mode,
                    is_frozen: frozen,
                });
            }
        }
    }
}

/// Whispers to somebody who is on this node, and perhaps on others.
pub(super) fn whisper_here(desk: &mut Desk, whisper: Whisper) -> Ack {
    let ack = whisper.ack();
    publish(desk.world, || Relayed::Whispered(whisper.clone()));
    hear(desk, whisper);
    ack
}

/// On every node: the receiver's sessions and the sender's.
fn hear(desk: &mut Desk, whisper: Whisper) {
    let mut hearers = desk.players_of(&whisper.to);
    if let Some(from) = &whisper.from.id {
        hearers.extend(desk.players_of(from));
        // Whoever hears it may want to moderate.
        if !hearers.is_empty()
            && let Ok(mut person) = desk.person_called(from)
        {
            person.hear_of(&whisper.from.name, Some(whisper.rank));
        }
    }
    if !hearers.is_empty() {
        let name = desk.name_of(&whisper.to);
        desk.tell_players(hearers, &whisper.told(name));
    }
}

fn mute(desk: &mut Desk, kept: KeptMute) {
    let mute = Mute::from(kept.clone());
    let Some(left) = mute.left() else {
        return;
    };
    let Ok(mut person) = desk.person_called(&kept.user) else {
        return;
    };
    person.hear_of(&kept.name, kept.rank);
    person.mute(MutedIn::new(kept.room.clone()), mute);
    desk.record(|| ChatRecord::Muted(kept.clone()));
    let told = Told::Muted {
        room: kept.room,
        left_ms: milliseconds(left),
        reason: kept.reason,
    };
    desk.tell_user(&kept.user, &told);
}

/// Whispers to somebody who is not on this node, if they are on any.
pub(super) fn whisper_elsewhere(
    desk: &mut Desk,
    player: Entity,
    id: Option<String>,
    whisper: Whisper,
) -> Result<(), ErrorCode> {
    let cluster = desk.world.get_resource::<Cluster>();
    let cluster = cluster.ok_or(ErrorCode::UnknownUser)?.clone();
    let done = desk.world.resource::<Later>().sender();
    let runtime = desk.world.resource::<bevy_tokio_tasks::TokioTasksRuntime>();
    runtime.runtime().spawn(async move {
        let is_online = cluster.online(&whisper.to).await.ok();
        let located = Done::Located {
            player,
            id,
            whisper,
            is_online,
        };
        // The app has ended when nobody listens.
        let _ = done.send(located).await;
    });
    Ok(())
}

/// It is known by now whether the receiver is on another node.
pub(super) fn located(
    desk: &mut Desk,
    player: Entity,
    id: Option<String>,
    whisper: Whisper,
    is_online: Option<bool>,
) {
    let user = desk.world.get::<User>(player).cloned();
    let Some(user) = user.filter(|user| desk.hears(player, user)) else {
        // Whoever comes back says it again.
        return;
    };
    let place = Place::To(whisper.to.clone());
    let result = match is_online {
        Some(true) => check_silence(desk, &user, rank_of(&user), &place),
        Some(false) => Err(ErrorCode::UnknownUser.into()),
        None => Err(Denied::after(ErrorCode::Unavailable, ASK_AGAIN)),
    };
    if let Err(denied) = result {
        return desk.answer(player, id, Err(denied));
    }
    // It was sent twice, when the connection was lost meanwhile.
    let sender = desk.world.resource::<People>().get(user.id());
    let answered = sender.zip(id.as_deref());
    let answered = answered.and_then(|(sender, id)| sender.answered(id));
    let ack = answered.unwrap_or_else(|| {
        let ack = whisper_here(desk, whisper);
        speak::remember(desk, user.id(), id.as_deref(), &ack);
        ack
    });
    desk.answer(player, id, Ok(ack));
}
