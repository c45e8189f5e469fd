//! `bouncer.v1`: what the server says.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{joined_room::JoinedRoom, tone::Tone};

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The words.
    pub text: String,
}

/// A message of the server. Optional members are left out where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op")]
#[non_exhaustive]
pub enum ServerMessage {
    /// The first message: who the client is, and what it should keep to.
    #[serde(rename = "hello")]
    Hello {
        /// The one who reads it.
        user: OwnUser,
        /// 0, 1 (moderator) or 2 (admin), where there is the chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank: Option<u8>,
        /// When the token ends, in unix seconds; `None` when it does not.
        #[serde(skip_serializing_if = "Option::is_none")]
        exp: Option<u64>,
        /// How long the token still lasts, for clients whose clock is wrong; `None` when it does not end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_in_ms: Option<u64>,
        /// Something comes at least this often.
        heartbeat_ms: u64,
        /// How to come back.
        reconnect: ReconnectHints,
        /// What to keep to, where there is the chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<MessageLimits>,
    },
    /// A sign of life.
    #[serde(rename = "beat")]
    Beat {},
    /// A request was done.
    #[serde(rename = "ack")]
    Ack(Box<Ack>),
    /// A request was not done.
    #[serde(rename = "err")]
    Err {
        /// The `id` of the request, if it had one.
        #[serde(skip_serializing_if = "Option::is_none")]
        re: Option<String>,
        /// The word of an [`ErrorCode`](crate::ErrorCode), or one that a later version adds.
        code: Cow<'static, str>,
        /// When it may be tried again.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
    /// Something was said in a room.
    #[serde(rename = "chat.msg")]
    Message(ChatMessage),
    /// What this user said in a room is stored, up to a message. Only where there is an archive.
    #[serde(rename = "chat.stored")]
    Stored {
        /// The room's name.
        room: Arc<str>,
        /// The number of the user's last message that is stored.
        seq: u64,
    },
    /// The words of a message are gone.
    #[serde(rename = "chat.deleted")]
    Deleted {
        /// The room's name.
        room: Arc<str>,
        /// The message's number in the room.
        seq: u64,
        /// The message's id, which is never used twice.
        mid: Arc<str>,
    },
    /// Something was said to one user.
    #[serde(rename = "chat.whisper")]
    Whisper {
        /// The message's id, which is never used twice.
        mid: Arc<str>,
        /// When it was said, in unix milliseconds.
        ts: u64,
        /// Who says it.
        from: Speaker,
        /// To whom.
        to: Speaker,
        /// The content.
        d: Body,
    },
    /// A user is writing.
    #[serde(rename = "chat.typing")]
    Typing {
        /// The room's name.
        room: Arc<str>,
        /// Who says it.
        from: Speaker,
    },
    /// Who came into a room and who left it.
    #[serde(rename = "presence")]
    Presence {
        /// The room's name.
        room: Arc<str>,
        /// Who came.
        joined: Vec<Member>,
        /// The ids of those who left.
        left: Vec<Arc<str>>,
    },
    /// The rules of a room have changed.
    #[serde(rename = "room.rules")]
    Rules {
        /// The room's name.
        room: Arc<str>,
        /// What holds now.
        rules: Rules,
    },
    /// The game has put this player into a room.
    #[serde(rename = "room.joined")]
    Joined(Box<JoinedRoom>),
    /// A room is closed, or not for this player any more.
    #[serde(rename = "room.closed")]
    Closed {
        /// The room's name.
        room: Arc<str>,
    },
    /// Words for this reader alone.
    #[serde(rename = "notice")]
    Notice {
        /// The name of the room that it is about; `None` when it is about none.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<Arc<str>>,
        /// The words.
        text: String,
        /// How it is meant.
        #[serde(default, skip_serializing_if = "Tone::is_info")]
        tone: Tone,
    },
    /// This user may not speak.
    #[serde(rename = "muted")]
    Muted {
        /// The room's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// How long it still holds.
        left_ms: u64,
        /// The moderator's reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A moderator ended a mute early.
    #[serde(rename = "unmuted")]
    Unmuted {
        /// The room's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
    },
    /// The token ends soon.
    #[serde(rename = "auth.expiring")]
    Expiring {
        /// When, in unix seconds.
        ends_at: u64,
        /// How long it still lasts, for clients whose clock is wrong.
        left_ms: u64,
    },
}

/// What a request is acknowledged with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// The `id` of the request.
    pub re: String,
    /// The room's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Arc<str>>,
    /// Another one each time that the room is opened: then the numbers mean something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Arc<str>>,
    /// The number of the message, or of the room's last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<Arc<str>>,
    /// When it was said, in unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
    /// `Some(false)` while an archive has yet to store what was said, `Some(true)` when it has by now; `None` when it will
    /// not be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<bool>,
    /// The game has answered what was said, with a notice, and nobody else hears it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handled: bool,
    /// When the new token ends, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// How long the new token lasts, for clients whose clock is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// How long the mute lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    /// What holds in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// How many users are in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Who is in the room; of many, some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
    /// What was said, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<ChatMessage>>,
    /// Whether there are others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// The rooms that there are for this player.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<ListedRoom>>,
    /// Who is muted, the longest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutes: Option<Vec<ListedMute>>,
}

/// One message of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// The room's name.
    pub room: Arc<str>,
    /// Its number in the room, without a gap.
    pub seq: u64,
    /// Its id, which is never used twice.
    pub mid: Arc<str>,
    /// When it was said, in unix milliseconds.
    pub ts: u64,
    /// Who said it; `None` for the game.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Speaker>,
    /// The content; `None` when it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub d: Option<Body>,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// Who says something. Without an id it is a character of the game.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// What they are called.
    pub name: Arc<str>,
}

/// A user in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user's id.
    pub id: Arc<str>,
    /// What they are called.
    pub name: Arc<str>,
    /// 0, 1 (moderator) or 2 (admin).
    pub rank: u8,
}

/// The one who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUser {
    /// The user's id.
    pub id: Arc<str>,
    /// What they are called.
    pub name: String,
    /// Their roles.
    pub roles: Vec<String>,
}

/// How to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectHints {
    /// The longest wait before the first attempt; it doubles with each.
    pub first_ms: u64,
    /// The longest wait.
    pub longest_ms: u64,
}

/// What a client should keep to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageLimits {
    /// Longest text in Unicode scalar values.
    pub text_length: usize,
    /// Most lines of a text.
    pub text_lines: usize,
    /// Messages that may be sent at once.
    pub burst: usize,
    /// Messages a second in the long run.
    pub messages_per_second: f64,
    /// Rooms that one player may be in.
    pub rooms_per_player: usize,
    /// Messages of one answer.
    pub history_page: usize,
}

/// What holds in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long a user has to wait between two messages; 0 without slow mode.
    pub slow_ms: u64,
    /// Whether only moderators may speak.
    pub frozen: bool,
}

/// One of the rooms that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRoom {
    /// The room's name.
    pub room: Arc<str>,
    /// How many users are in it.
    pub members: usize,
}

/// One of the mutes that hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedMute {
    /// The user's id.
    pub user: Arc<str>,
    /// What they are called.
    pub name: String,
    /// The room's name; `None` everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// How long it still holds.
    pub left_ms: u64,
}
