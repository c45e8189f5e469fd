//! What was said in a room.

use std::{collections::VecDeque, sync::Arc};

use bevy_ecs::prelude::*;

use super::told::ChatMessage;

/// Messages of one answer have about so many bytes together, so that it fits any queue.
const PAGE_BYTES: usize = 64 * 1024;

/// What was said in a room, as far as it is remembered.
#[derive(Component, Default)]
pub struct RoomHistory {
    /// The name of the room; empty when nobody can come in.
    pub(super) room: Arc<str>,
    /// Another one each time that the room is opened.
    pub(super) epoch: Arc<str>,
    messages: VecDeque<ChatMessage>,
    last: u64,
}

/// Some of a room's messages.
pub(super) struct Page {
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
    pub(super) fn restored(room: Arc<str>, messages: Vec<ChatMessage>) -> Self {
        let last = messages.last().map_or(0, |last| last.seq);
        Self {
            room,
            messages: messages.into(),
            last,
            ..Default::default()
        }
    }

    /// The number of the next message, which is said now.
    pub(super) fn count(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn keep(&mut self, message: ChatMessage, most: usize) {
        while self.messages.len() >= most {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    pub(super) fn find(&self, mid: &str) -> Option<&ChatMessage> {
        self.messages.iter().rev().find(|said| &*said.mid == mid)
    }

    /// Takes the words away. Returns the message's number and name, if it had any.
    pub(super) fn delete(&mut self, mid: &str) -> Option<(u64, Arc<str>)> {
        let mut youngest_first = self.messages.iter_mut().rev();
        let said = youngest_first.find(|said| &*said.mid == mid && !said.deleted)?;
        said.deleted = true;
        said.d = None;
        Some((said.seq, said.mid.clone()))
    }

    /// Up to so many messages: the oldest after a number, otherwise the youngest, before a number.
    pub(super) fn page(&self, after: Option<u64>, before: Option<u64>, most: usize) -> Page {
        let in_range = self.messages.iter().filter(|said| {
            after.is_none_or(|after| said.seq > after)
                && before.is_none_or(|before| said.seq < before)
        });
        if after.is_some() {
            return take(in_range, most);
        }
        let mut page = take(in_range.rev(), most);
        page.messages.reverse();
        page
    }
}

fn take<'a>(messages: impl Iterator<Item = &'a ChatMessage>, most: usize) -> Page {
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
        page.messages.push(said.clone());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{super::protocol::Body, *};

    fn history(count: u64, text: &str) -> RoomHistory {
        let mut history = RoomHistory::default();
        for _ in 0..count {
            let seq = history.count();
            let message = ChatMessage {
                room: "a".into(),
                seq,
                mid: format!("m-{seq}").into(),
                ts: 0,
                from: None,
                rank: 0,
                d: Some(Body { text: text.into() }),
                deleted: false,
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
        assert!(history.find("m-11").unwrap().d.is_none());
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
