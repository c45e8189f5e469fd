//! Writes on their way to the backplane, and what it answers.

use std::time::{Duration, Instant};

use super::{
    super::{
        changed::RefusedWrite,
        exchange::{StateCondition, StateWrite, StateWritten},
        limits::SharedStateError,
    },
    Replica,
};

/// A write on its way, with the number of the put that it came from.
pub(crate) type Numbered = (u64, StateWrite);

impl Replica {
    /// The oldest writes that wait, up to so many, which are on their way from now on.
    pub fn take_batch(&mut self, most: usize, now: Instant) -> Vec<Numbered> {
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(key) = self.waiting.pop_front()
        {
            let Some(pending) = self.pending.get(&key) else {
                continue;
            };
            let left = pending
                .until
                .map(|until| until.saturating_duration_since(now));
            // What has ended while it waited is no more.
            let has_ended = left == Some(Duration::ZERO);
            let write = StateWrite {
                id: self.first_id.wrapping_add(pending.number),
                key,
                value: pending.value.clone().filter(|_| !has_ended),
                lifetime: left.filter(|_| !has_ended),
                condition: pending.condition,
            };
            batch.push((pending.number, write));
        }
        batch
    }

    /// The batch did not arrive, as far as it is known: it goes again, first.
    pub fn put_back(&mut self, batch: Vec<Numbered>) {
        self.counters.failed += batch.len() as u64;
        for (_, write) in batch.into_iter().rev() {
            self.waiting.push_front(write.key);
        }
    }

    /// What came of a write.
    pub fn answered(&mut self, (number, write): Numbered, answer: StateWritten, now: Instant) {
        let key = &write.key;
        let answer = match answer {
            // It had arrived before, and only the answer was lost.
            StateWritten::Conflict(Some(is)) if is.id == write.id => StateWritten::Taken {
                version: is.version,
                decided: is.decided,
            },
            other => other,
        };
        match answer {
            StateWritten::Taken { version, decided } => {
                self.counters.taken += 1;
                let until = write.lifetime.map(|left| now + left);
                let entry = (version, decided, until);
                self.confirm_entry(key.clone(), write.value.clone(), entry);
                self.settle(number, &write, version);
            }
            StateWritten::Conflict(is) => {
                self.counters.conflicts += 1;
                let (value, entry) = match is {
                    Some(is) => {
                        let until = is.left.map(|left| now + left);
                        (is.value, (is.version, is.decided, until))
                    }
                    None => (None, (0, 0, None)),
                };
                self.confirm_entry(key.clone(), value, entry);
                self.refuse(number, write, SharedStateError::Conflict);
            }
            StateWritten::Full => {
                self.counters.refused += 1;
                self.refuse(number, write, SharedStateError::Full);
            }
        }
    }

    /// A write was taken as this version: it waits no more, or a newer one of the same key goes now.
    fn settle(&mut self, number: u64, write: &StateWrite, version: u64) {
        let version = if write.value.is_some() { version } else { 0 };
        let Some(pending) = self.pending.get_mut(&write.key) else {
            return;
        };
        if pending.number == number {
            self.pending.remove(&write.key);
            return;
        }
        if pending.condition != StateCondition::None {
            pending.condition = StateCondition::Version(version);
        }
        self.waiting.push_back(write.key.clone());
    }

    /// A write was not taken. A newer one that was based on it is not either.
    fn refuse(&mut self, number: u64, write: StateWrite, error: SharedStateError) {
        let Some(pending) = self.pending.get(&write.key) else {
            return;
        };
        if pending.number != number && pending.condition == StateCondition::None {
            self.waiting.push_back(write.key);
            return;
        }
        let wanted = self.pending.remove(&write.key);
        // What was given back to the backplane is no wish of the game.
        let is_given_back = matches!(write.condition, StateCondition::DecidedBefore(_));
        let wanted = wanted.filter(|_| !is_given_back);
        let refused = wanted.map(|wanted| RefusedWrite {
            value: wanted.value,
            error,
        });
        self.tell(write.key, refused);
    }
}
