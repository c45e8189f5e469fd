//! What was said in a room.

use std::{collections::VecDeque, sync::Arc};

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::{Ack, Body, ChatMessage, Speaker};
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

/// Messages of one answer have about so many bytes together, so that it fits any queue.
const PAGE_BYTES: usize = 64 * 1024;

/// A message of a room, with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// The room's name.
    pub room: Arc<str>,
    /// Its number in the room.
    pub seq: u64,
    /// Its id.
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
    /// The id that the client gave to its request, so that it is not said again.
    pub client_id: Option<String>,
}

impl StoredMessage {
    /// As members read it.
    pub(crate) fn shown(&self) -> ChatMessage {
        let from = self.name.clone().map(|name| Speaker {
            id: self.user.as_ref().map(|user| user.as_str().into()),
            name,
        });
        ChatMessage {
            room: self.room.clone(),
            seq: self.seq,
            mid: self.mid.clone(),
            ts: self.at,
            from,
            d: self.text.clone().map(|text| Body { text }),
            deleted: self.text.is_none(),
        }
    }

    /// What its author is told.
    pub(crate) fn ack(&self) -> Ack {
        Ack {
            room: Some(self.room.clone()),
            seq: Some(self.seq),
            mid: Some(self.mid.clone()),
            ts: Some(self.at),
            ..Default::default()
        }
    }

    /// About how many bytes it is as JSON.
    fn size(&self) -> usize {
        const FRAME: usize = 256;
        FRAME + self.text.as_ref().map_or(0, String::len)
    }
}

/// What was said in a room, as far as it is remembered.
#[derive(Component, Default)]
pub struct RoomHistory {
    /// The name of the room; empty when nobody can come in.
    pub(crate) room: Arc<str>,
    /// Another one each time that the room is opened.
    pub(crate) epoch: Arc<str>,
    messages: VecDeque<StoredMessage>,
    last: u64,
}

/// Some of a room's messages.
pub(crate) struct Page {
    pub messages: Vec<ChatMessage>,
    /// Whether there are others, beyond.
    pub more: bool,
}

impl RoomHistory {
    /// The number of the last message; 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.last
    }

    /// With what was said before.
    pub(crate) fn restored(room: Arc<str>, messages: Vec<StoredMessage>) -> Self {
        let last = messages.last().map_or(0, |last| last.seq);
        Self {
            room,
            messages: messages.into(),
            last,
            ..Default::default()
        }
    }

    /// The number of the next message, which is said now.
    pub(crate) fn count(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn keep(&mut self, message: StoredMessage, most: usize) {
        while self.messages.len() >= most {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    pub(crate) fn find(&self, mid: &str) -> Option<&StoredMessage> {
        self.messages.iter().rev().find(|said| &*said.mid == mid)
    }

    pub(crate) fn numbered(&self, seq: u64) -> Option<&StoredMessage> {
        self.messages.iter().rev().find(|said| said.seq == seq)
    }

    /// Takes the words away. Returns the message's number and id, if it had any.
    pub(crate) fn delete(&mut self, mid: &str) -> Option<(u64, Arc<str>)> {
        let mut youngest_first = self.messages.iter_mut().rev();
        let said = youngest_first.find(|said| &*said.mid == mid && said.text.is_some())?;
        said.text = None;
        Some((said.seq, said.mid.clone()))
    }

    /// Up to so many messages: the oldest after a number, otherwise the youngest, before a number.
    pub(crate) fn page(&self, after: Option<u64>, before: Option<u64>, most: usize) -> Page {
        let in_range = self.messages.iter().filter(|said| {
            after.is_none_or(|after| said.seq > after)
                && before.is_none_or(|before| said.seq < before)
        });
        if after.is_some() {
            return collect(in_range, most);
        }
        let mut page = collect(in_range.rev(), most);
        page.messages.reverse();
        page
    }
}

fn collect<'a>(messages: impl Iterator<Item = &'a StoredMessage>, most: usize) -> Page {
    let mut page = Page {
        messages: Vec::new(),
        more: false,
    };
    let mut bytes = 0;
    for said in messages {
        bytes += said.size();
        if page.messages.len() >= most || (bytes > PAGE_BYTES && !page.messages.is_empty()) {
            page.more = true;
            break;
        }
        page.messages.push(said.shown());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(count: u64, text: &str) -> RoomHistory {
        let mut history = RoomHistory::default();
        for _ in 0..count {
            let seq = history.count();
            let message = StoredMessage {
                room: "a".into(),
                seq,
                mid: format!("m-{seq}").into(),
                at: 0,
                user: None,
                name: None,
                rank: 0,
                text: Some(text.into()),
                client_id: None,
            };
            history.keep(message, 10);
        }
        history
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.messages.iter().map(|said| said.seq).collect()
    }

    #[test]
    fn the_oldest_go_first_and_pages_are_in_order() {
        let mut history = history(12, "hi");
        assert_eq!(history.last_seq(), 12);
        let page = history.page(None, None, 3);
        assert_eq!((numbers(&page), page.more), (vec![10, 11, 12], true));
        let page = history.page(None, Some(5), 3);
        assert_eq!((numbers(&page), page.more), (vec![3, 4], false));
        let page = history.page(Some(0), None, 2);
        assert_eq!((numbers(&page), page.more), (vec![3, 4], true));
        let page = history.page(Some(9), Some(12), 5);
        assert_eq!((numbers(&page), page.more), (vec![10, 11], false));
        assert_eq!(history.delete("m-11").unwrap().0, 11);
        assert_eq!(history.delete("m-11"), None);
        assert_eq!(history.delete("m-1"), None);
        assert!(history.find("m-11").unwrap().text.is_none());
    }

    #[test]
    fn a_page_has_a_limit_in_bytes_but_at_least_one_message() {
        let long = history(5, &"x".repeat(30_000));
        let page = long.page(None, None, 5);
        assert_eq!((numbers(&page), page.more), (vec![4, 5], true));
        let huge = history(2, &"x".repeat(100_000));
        assert_eq!(numbers(&huge.page(None, None, 5)), [2]);
    }
}
