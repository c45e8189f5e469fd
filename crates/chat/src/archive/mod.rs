//! What outlasts the server: messages and mutes.

mod keeper;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
    sync::Arc,
};

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(super) use keeper::{Archive, flush, start};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteChat;

use super::{
    ChatOptions,
    history::RoomHistory,
    people::{Mute, MutedIn, People, Person},
    protocol::Body,
    told::{Ack, ChatMessage, Speaker},
};
use bevy_bouncer::UserId;

/// The archive failed; the words are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the chat's archive failed: {0}")]
pub struct ArchiveError(pub String);

/// What a [`ChatArchive`] returns.
pub type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArchiveError>> + Send + 'a>>;

/// Where messages and mutes outlive the process. Called beside the frame.
pub trait ChatArchive: Send + Sync + 'static {
    /// The mutes that hold, and the last messages of the rooms in which somebody spoke last: of at most
    /// `rooms`, at most `messages` each. What is older may be forgotten. Called once, before the app runs.
    fn load(&self, rooms: usize, messages: usize) -> ArchiveFuture<'_, Kept>;
    /// Keeps what happened, all of it or nothing. After an error it is called again with the same.
    fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()>;
}

/// Something to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatRecord {
    /// Something was said.
    Said(KeptMessage),
    /// The words of the message of this name are gone.
    Deleted(Arc<str>),
    /// Somebody may not speak. It takes the place of the user's mute in the same room.
    Muted(KeptMute),
    /// Somebody may speak again in a room, or, without one, wherever no other mute holds.
    Unmuted(UserId, Option<String>),
}

/// A message of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMessage {
    /// The room's name.
    pub room: Arc<str>,
    /// Its number in the room.
    pub seq: u64,
    /// Its own name.
    pub mid: Arc<str>,
    /// When it was said, in unix milliseconds.
    pub at: u64,
    /// Who said it, unless the game did.
    pub user: Option<UserId>,
    /// What they are called; `None` for the game itself.
    pub name: Option<Arc<str>>,
    /// Whether that was a player (0), a moderator (1) or an admin (2).
    pub rank: u8,
    /// The words; `None` when it was deleted.
    pub text: Option<String>,
    /// What the client called its request, so that it is not said again.
    pub client_id: Option<String>,
}

/// Somebody may not speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMute {
    /// Who.
    pub user: UserId,
    /// What they are called, as far as that is known.
    pub name: String,
    /// What they are, like [`KeptMessage::rank`], as far as that is known.
    pub rank: Option<u8>,
    /// The room's name; `None` everywhere.
    pub room: Option<String>,
    /// The moderator's rank.
    pub by_rank: u8,
    /// Until then, in unix milliseconds.
    pub until: u64,
    /// The moderator's reason.
    pub reason: Option<String>,
}

/// What an archive has kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Messages, those of one room in their order.
    pub messages: Vec<KeptMessage>,
    /// Mutes.
    pub mutes: Vec<KeptMute>,
}

impl From<KeptMute> for Mute {
    fn from(kept: KeptMute) -> Self {
        Self {
            until: kept.until,
            reason: kept.reason,
            by_rank: kept.by_rank,
        }
    }
}

impl KeptMessage {
    /// As it is shown.
    pub(super) fn message(&self) -> ChatMessage {
        let from = self.name.clone().map(|name| Speaker {
            id: self.user.clone(),
            name,
        });
        ChatMessage {
            room: self.room.clone(),
            seq: self.seq,
            mid: self.mid.clone(),
            ts: self.at,
            from,
            rank: self.rank,
            d: self.text.clone().map(|text| Body { text }),
            deleted: self.text.is_none(),
        }
    }

    /// What it says of its author.
    pub(super) fn introduce(&self, author: &mut Person, remembered_ids: usize) {
        author.hear_of(self.name.as_deref().unwrap_or_default(), Some(self.rank));
        if let Some(id) = &self.client_id {
            author.remember(&self.ack(), id, remembered_ids);
        }
    }

    /// What its sender is told.
    pub(super) fn ack(&self) -> Ack {
        Ack {
            room: Some(self.room.clone()),
            seq: Some(self.seq),
            mid: Some(self.mid.clone()),
            ts: Some(self.at),
            ..Default::default()
        }
    }
}

/// What was said in rooms that are not open, by the rooms' names.
#[derive(Resource, Default)]
pub(super) struct Past {
    rooms: HashMap<Arc<str>, (u64, RoomHistory)>,
    /// The rooms' names in the order in which they were closed.
    closed: BTreeMap<u64, Arc<str>>,
    count: u64,
}

impl Past {
    /// A room is closed. Of too many, the one that was closed first is forgotten.
    pub fn put(&mut self, history: &mut RoomHistory, most: usize) {
        let history = std::mem::take(history);
        let name = history.room.clone();
        if name.is_empty() {
            return;
        }
        self.count += 1;
        self.closed.insert(self.count, name.clone());
        if let Some((number, _)) = self.rooms.insert(name, (self.count, history)) {
            self.closed.remove(&number);
        }
        if self.rooms.len() > most
            && let Some((_, first)) = self.closed.pop_first()
        {
            self.rooms.remove(&first);
        }
    }

    /// A room is open again.
    pub fn take(&mut self, name: &str, history: &mut RoomHistory) {
        if let Some((number, past)) = self.rooms.remove(name) {
            self.closed.remove(&number);
            *history = past;
        }
    }
}

impl Kept {
    /// Brings everything back.
    pub(super) fn restore(self, options: &ChatOptions, people: &mut People, past: &mut Past) {
        let nobody_is_connected = |_: &UserId| false;
        for mute in self.mutes {
            let Some(person) = people.meet(&mute.user, options, nobody_is_connected) else {
                tracing::error!(user = %mute.user, "a mute is lost: chat.remembered_users is too low");
                continue;
            };
            person.hear_of(&mute.name, mute.rank);
            let place = MutedIn::new(mute.room.clone());
            person.mute(place, mute.into());
        }
        let mut rooms: HashMap<Arc<str>, Vec<ChatMessage>> = HashMap::new();
        for mut kept in self.messages {
            // A room that was forgotten began anew; here its numbers go on.
            let messages = rooms.entry(kept.room.clone()).or_default();
            let last = messages.last().map_or(0, |last: &ChatMessage| last.seq);
            kept.seq = kept.seq.max(last + 1);
            if let Some(user) = &kept.user
                && let Some(person) = people.meet(user, options, nobody_is_connected)
            {
                kept.introduce(person, options.remembered_ids);
            }
            messages.push(kept.message());
        }
        for (name, messages) in rooms {
            past.put(
                &mut RoomHistory::restored(name, messages),
                options.closed_rooms,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_closed_rooms_the_first_is_forgotten() {
        let said = |name: &str, seq: u64| {
            let mut history = RoomHistory::restored(name.into(), Vec::new());
            for _ in 0..seq {
                history.count();
            }
            history
        };
        let mut past = Past::default();
        let last_of = |past: &mut Past, name: &str| {
            let mut history = RoomHistory::default();
            past.take(name, &mut history);
            history.last_seq()
        };
        for (name, seq) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            past.put(&mut said(name, seq), 2);
        }
        assert_eq!(last_of(&mut past, "b"), 0);
        assert_eq!(last_of(&mut past, "a"), 3);
        past.put(&mut said("d", 5), 2);
        assert_eq!(last_of(&mut past, "c"), 4);
        assert_eq!(last_of(&mut past, "d"), 5);
        assert!(past.rooms.is_empty() && past.closed.is_empty());
    }
    #[test]
    fn numbers_go_on_where_a_room_was_forgotten_meanwhile() {
        let author = UserId::new("ann").unwrap();
        let said = |(number, seq): (usize, u64)| KeptMessage {
            room: "a".into(),
            seq,
            mid: format!("m-{number}").into(),
            at: 0,
            user: Some(author.clone()),
            name: Some("Ann".into()),
            rank: 0,
            text: Some("hi".into()),
            client_id: Some(format!("c-{number}")),
        };
        let kept = Kept {
            messages: [98, 100, 1, 2].into_iter().enumerate().map(said).collect(),
            mutes: Vec::new(),
        };
        let (mut people, mut past) = (People::default(), Past::default());
        kept.restore(&ChatOptions::default(), &mut people, &mut past);
        let mut history = RoomHistory::default();
        past.take("a", &mut history);
        let page = history.page(None, None, 10).messages;
        let numbers: Vec<_> = page.iter().map(|said| said.seq).collect();
        assert_eq!(numbers, [98, 100, 101, 102]);
        assert_eq!(history.last_seq(), 102);
        // The answer to who says it again has the same number.
        let answer = people.get(&author).unwrap().answered("c-3").unwrap();
        assert_eq!(answer.seq, Some(102));
    }
}
