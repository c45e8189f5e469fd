//! What happens in the chat, and how the nodes tell each other what is said. What moderators decide, and which messages are
//! deleted, is no frame that may be lost: see `shared`.
//!
//! Each node has its own numbers and its own epoch, so a client that comes to another node begins anew, and
//! knows messages again by their ids. Messages between nodes can be lost, as
//! [`Cluster::publish`] says.

use std::sync::Arc;

use bevy_bouncer::{Audience, Cluster, ClusterFrame, UserId};
use bevy_bouncer_protocol::{Ack, Body, ServerMessage, Speaker, Tone};
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    archive::ChatRecord,
    model::{history::StoredMessage, mutes::StoredMute},
    shared::rules::RuleDecision,
};

/// Where the nodes tell each other. Nothing that a player sends gets there, whatever the game passes on.
const CHANNEL: &str = "bevy_bouncer.chat";

/// Something that happens in the chat, on this node or another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ChatEvent {
    Said(StoredMessage),
    Whispered(Whisper),
    #[serde(skip)]
    Deleted {
        room: String,
        mid: String,
    },
    /// A mute, and who decided.
    #[serde(skip)]
    Muted(StoredMute, Option<UserId>),
    #[serde(skip)]
    Unmuted {
        user: UserId,
        room: Option<String>,
        by: Option<UserId>,
        by_rank: u8,
    },
    /// A rule of the room of this name.
    #[serde(skip)]
    Rule(String, RuleDecision),
    Handled(HandledCommand),
    Noticed(UserNotice),
}

/// Something that a user wrote, which the game has answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HandledCommand {
    pub user: UserId,
    pub room: Arc<str>,
    /// The id that the client gave to its request.
    pub client_id: Option<String>,
    pub answer: String,
}

impl HandledCommand {
    /// What the client is told.
    pub fn ack(&self) -> Ack {
        Ack {
            room: Some(self.room.clone()),
            handled: true,
            ..Default::default()
        }
    }
}

/// Words for one user alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserNotice {
    pub user: UserId,
    pub room: Option<Arc<str>>,
    pub text: String,
    pub tone: Tone,
}

impl UserNotice {
    pub fn shown(&self) -> ServerMessage {
        ServerMessage::Notice {
            room: self.room.clone(),
            text: self.text.clone(),
            tone: self.tone,
        }
    }
}

/// A message to one user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Whisper {
    pub mid: String,
    pub ts: u64,
    pub from: Speaker,
    /// The author's.
    pub rank: u8,
    pub to: UserId,
    pub d: Body,
    /// The id that the author's client gave to its request.
    pub client_id: Option<String>,
}

impl ChatEvent {
    /// What the archive keeps of it.
    pub fn record(&self) -> Option<ChatRecord> {
        match self {
            Self::Said(message) => Some(ChatRecord::Said(message.clone())),
            Self::Deleted { mid, .. } => Some(ChatRecord::Deleted(mid.as_str().into())),
            Self::Muted(mute, _) => Some(ChatRecord::Muted(mute.clone())),
            Self::Unmuted { user, room, .. } => {
                Some(ChatRecord::Unmuted(user.clone(), room.clone()))
            }
            Self::Whispered(_) | Self::Rule(..) | Self::Handled(_) | Self::Noticed(_) => None,
        }
    }
}

impl Whisper {
    pub fn author(&self) -> Option<UserId> {
        UserId::new(self.from.id.clone()?).ok()
    }

    /// What its author is told.
    pub fn ack(&self) -> Ack {
        Ack {
            mid: Some(self.mid.as_str().into()),
            ts: Some(self.ts),
            ..Default::default()
        }
    }

    /// As it is shown on a node that knows this name for the receiver.
    pub fn shown(&self, name: Option<String>) -> ServerMessage {
        let name = name.unwrap_or_else(|| self.to.to_string());
        ServerMessage::Whisper {
            mid: self.mid.as_str().into(),
            ts: self.ts,
            from: self.from.clone(),
            to: Speaker {
                id: Some(self.to.as_str().into()),
                name: name.into(),
            },
            d: self.d.clone(),
        }
    }
}

/// Tells the other nodes, if there are any.
pub(crate) fn publish(world: &World, event: &ChatEvent) {
    let Some(cluster) = world.get_resource::<Cluster>() else {
        return;
    };
    let json = serde_json::to_string(event).ok();
    if json.is_none_or(|json| cluster.publish_on(CHANNEL, json).is_err()) {
        tracing::warn!("a part of the chat is not told to the other nodes");
    }
}

/// What another node has told, if this is what it is.
pub(crate) fn open(frame: &ClusterFrame) -> Option<ChatEvent> {
    match &frame.audience {
        Audience::Channel(channel) if **channel == *CHANNEL => {
            serde_json::from_str(frame.payload.as_text()?).ok()
        }
        _ => None,
    }
}
