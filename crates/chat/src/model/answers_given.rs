//! Which answers a user's requests got, so that a request that comes again gets the same one.

use std::{collections::VecDeque, sync::Arc};

use bevy_bouncer_protocol::Ack;

/// The answers to a user's last messages and commands, by the ids of the requests.
#[derive(Default)]
pub(crate) struct AnswersGiven(VecDeque<Answered>);

/// A request that was acknowledged: small, because there are many.
struct Answered {
    id: Box<str>,
    room: Option<Arc<str>>,
    seq: Option<u64>,
    mid: Option<Arc<str>>,
    ts: Option<u64>,
    stored: Option<bool>,
    /// What the game answered to a command.
    notice: Option<Arc<str>>,
}

/// What the same id got before.
pub(crate) struct Answer {
    pub ack: Ack,
    /// What the game answered to a command; empty when nothing.
    pub notice: Option<Arc<str>>,
}

impl AnswersGiven {
    /// The answer that the same id got before.
    pub fn find(&self, id: &str) -> Option<Answer> {
        let known = self.0.iter().rev().find(|known| &*known.id == id)?;
        let ack = Ack {
            re: id.to_owned(),
            room: known.room.clone(),
            seq: known.seq,
            mid: known.mid.clone(),
            ts: known.ts,
            stored: known.stored,
            handled: known.notice.is_some(),
            ..Default::default()
        };
        let notice = known.notice.clone();
        Some(Answer { ack, notice })
    }

    /// The same id gets this answer from now on.
    pub fn remember(&mut self, id: &str, ack: &Ack, notice: Option<Arc<str>>, most: usize) {
        while self.0.len() >= most {
            self.0.pop_front();
        }
        self.0.push_back(Answered {
            id: id.into(),
            room: ack.room.clone(),
            seq: ack.seq,
            mid: ack.mid.clone(),
            ts: ack.ts,
            stored: ack.stored,
            notice,
        });
    }

    /// What was said in a room up to this number is stored.
    pub fn note_stored(&mut self, room: &str, seq: u64) {
        let answered = self.0.iter_mut();
        let is_stored = |one: &&mut Answered| {
            one.stored == Some(false)
                && one.room.as_deref() == Some(room)
                && one.seq.is_some_and(|said| said <= seq)
        };
        for one in answered.filter(is_stored) {
            one.stored = Some(true);
        }
    }

    /// The number of the last message in a room that is known to be stored.
    pub fn stored_up_to(&self, room: &str) -> Option<u64> {
        let in_room = self
            .0
            .iter()
            .filter(|one| one.room.as_deref() == Some(room));
        let stored = in_room.filter(|one| one.stored == Some(true));
        stored.filter_map(|one| one.seq).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seq: u64, stored: Option<bool>) -> Ack {
        Ack {
            room: Some("a".into()),
            seq: Some(seq),
            stored,
            ..Default::default()
        }
    }

    #[test]
    fn ids_are_remembered_up_to_a_number() {
        let mut given = AnswersGiven::default();
        for number in 0..5 {
            given.remember(&format!("c{number}"), &said(number, None), None, 3);
        }
        assert!(given.find("c1").is_none());
        assert_eq!(given.find("c4").unwrap().ack.seq, Some(4));
    }

    #[test]
    fn what_waits_for_the_archive_is_stored_up_to_a_number_and_what_does_not_wait_is_not() {
        let mut given = AnswersGiven::default();
        for (seq, stored) in [
            (1, Some(false)),
            (2, None),
            (3, Some(false)),
            (4, Some(false)),
        ] {
            given.remember(&format!("c{seq}"), &said(seq, stored), None, 10);
        }
        assert_eq!(given.stored_up_to("a"), None);
        given.note_stored("b", 9);
        given.note_stored("a", 3);
        let stored = |id: &str| given.find(id).unwrap().ack.stored;
        let known = ["c1", "c2", "c3", "c4"].map(stored);
        assert_eq!(known, [Some(true), None, Some(true), Some(false)]);
        assert_eq!(given.stored_up_to("a"), Some(3));
    }
}
