//! A room as somebody finds it who comes in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::server::{Ack, ChatMessage, Member, Rules};

/// A room as somebody finds it who comes in: what `room.join` is acknowledged with, and what a player is told whom the game
/// has put there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JoinedRoom {
    /// The room's name.
    pub room: Arc<str>,
    /// Another one each time that the room is opened: then the numbers mean something else.
    pub epoch: Arc<str>,
    /// The number of the room's last message.
    pub seq: u64,
    /// What holds in the room.
    pub rules: Rules,
    /// How many users are in the room.
    pub count: usize,
    /// Who is in the room; of many, some.
    pub members: Vec<Member>,
    /// What was said, the oldest first; `None` when the player may not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<ChatMessage>>,
    /// Whether there are older ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

impl From<JoinedRoom> for Ack {
    fn from(room: JoinedRoom) -> Self {
        Self {
            room: Some(room.room),
            epoch: Some(room.epoch),
            seq: Some(room.seq),
            rules: Some(room.rules),
            count: Some(room.count),
            members: Some(room.members),
            messages: room.messages,
            more: room.more,
            ..Default::default()
        }
    }
}
