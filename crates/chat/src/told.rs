//! `bouncer.v1`: what the server says. `docs/protocol.md` describes it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{error_code::Denied, protocol::Body, rank::rank_of};
use bevy_bouncer::{User, UserId};

/// A message of the server. Optional members are left out where there is nothing to say.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(PartialEq, serde::Deserialize))]
#[cfg_attr(test, serde(deny_unknown_fields))]
#[serde(tag = "op")]
pub(super) enum Told {
    #[serde(rename = "hello")]
    Hello {
        user: SelfUser,
        rank: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        exp: Option<u64>,
        heartbeat_ms: u64,
        reconnect: Reconnect,
        limits: Limits,
    },
    #[serde(rename = "beat")]
    Beat {},
    #[serde(rename = "ack")]
    Ack(Box<Ack>),
    #[serde(rename = "err")]
    Err {
        #[serde(skip_serializing_if = "Option::is_none")]
        re: Option<String>,
        code: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
    #[serde(rename = "chat.msg")]
    Message(ChatMessage),
    #[serde(rename = "chat.deleted")]
    Deleted {
        room: Arc<str>,
        seq: u64,
        mid: Arc<str>,
    },
    #[serde(rename = "chat.whisper")]
    Whisper {
        mid: Arc<str>,
        ts: u64,
        from: Speaker,
        to: Speaker,
        d: Body,
    },
    #[serde(rename = "chat.typing")]
    Typing { room: Arc<str>, from: Speaker },
    #[serde(rename = "presence")]
    Presence {
        room: Arc<str>,
        joined: Vec<Member>,
        left: Vec<UserId>,
    },
    #[serde(rename = "room.rules")]
    Rules { room: Arc<str>, rules: ShownRules },
    #[serde(rename = "room.closed")]
    Closed { room: Arc<str> },
    #[serde(rename = "muted")]
    Muted {
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        left_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    #[serde(rename = "unmuted")]
    Unmuted {
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
    },
    #[serde(rename = "auth.expiring")]
    Expiring { ends_at: u64 },
}

/// What a request is acknowledged with.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(test, serde(deny_unknown_fields))]
pub(super) struct Ack {
    pub re: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<ShownRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<ChatMessage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<ListedRoom>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutes: Option<Vec<ListedMute>>,
}

/// One message of a room.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(test, serde(deny_unknown_fields))]
pub(super) struct ChatMessage {
    pub room: Arc<str>,
    pub seq: u64,
    pub mid: Arc<str>,
    pub ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Speaker>,
    /// The author's, when it was said. Not told.
    #[serde(skip)]
    pub rank: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub d: Option<Body>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl ChatMessage {
    /// About how many bytes it is as JSON.
    pub fn size(&self) -> usize {
        const FRAME: usize = 256;
        FRAME + self.d.as_ref().map_or(0, |body| body.text.len())
    }

    pub fn author(&self) -> Option<&UserId> {
        self.from.as_ref()?.id.as_ref()
    }
}

/// Who says something. Without an id it is a character of the game.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(super) struct Speaker {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    pub name: Arc<str>,
}

impl From<&User> for Speaker {
    fn from(user: &User) -> Self {
        Self {
            id: Some(user.id().clone()),
            name: user.name().into(),
        }
    }
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Member {
    pub id: UserId,
    pub name: Arc<str>,
    pub rank: u8,
}

impl From<&User> for Member {
    fn from(user: &User) -> Self {
        Self {
            id: user.id().clone(),
            name: user.name().into(),
            rank: rank_of(user),
        }
    }
}

/// The one who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct SelfUser {
    pub id: UserId,
    pub name: String,
    pub roles: Vec<String>,
}

/// How to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Reconnect {
    pub first_ms: u64,
    pub longest_ms: u64,
}

/// What a client should keep to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Limits {
    pub text_length: usize,
    pub burst: usize,
    pub messages_per_second: f64,
    pub rooms_per_player: usize,
    pub history_page: usize,
}

/// What holds in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct ShownRules {
    pub slow_ms: u64,
    pub frozen: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct ListedRoom {
    pub room: Arc<str>,
    pub members: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct ListedMute {
    pub user: UserId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    pub left_ms: u64,
}

impl Told {
    /// The answer to the request with this id.
    pub fn denied(re: Option<String>, denied: &Denied) -> Self {
        Self::Err {
            re,
            code: denied.code.as_str().to_owned(),
            retry_ms: denied.retry.map(milliseconds),
        }
    }

    /// As it is sent.
    pub fn json(&self) -> String {
        // Only maps with keys that are no strings cannot be written, and there are none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Rounded up, so that it is over then.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Now, in unix milliseconds.
pub(super) fn unix_milliseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
