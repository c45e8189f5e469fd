//! What the backplane says of a map, taken into this node's copy.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{
    super::exchange::{StateChanges, StateCondition, StateEntry},
    Pending, Replica,
};

impl Replica {
    /// Takes what was read of the map, which was asked for at this time.
    pub fn apply(&mut self, changes: StateChanges, asked: Instant, now: Instant) {
        if changes.whole {
            self.align(&changes);
        }
        for entry in changes.entries {
            self.apply_entry(entry, now);
        }
        self.position = Some(changes.position);
        if changes.complete {
            self.confirmed = Some(asked);
        }
        self.forget_ended(now);
        self.forget_oldest();
    }

    fn apply_entry(&mut self, entry: StateEntry, now: Instant) {
        let held = self.entries.get(&entry.key);
        if held.is_some_and(|held| held.version >= entry.version) {
            return;
        }
        let is_other = held.map(|held| &held.value) != entry.value.as_ref();
        let until = entry.left.map(|left| now + left);
        let key = entry.key;
        let about = (entry.version, entry.decided, until);
        self.confirm_entry(key.clone(), entry.value, about);
        // What this node wants is what it sees, until the backplane has answered.
        if is_other && !self.pending.contains_key(&key) {
            self.tell(key, None);
        }
    }

    /// What is not among all entries is gone, unless the backplane has lost it.
    fn align(&mut self, all: &StateChanges) {
        let epoch = self.position.map(|position| position.epoch);
        let is_lost = epoch.is_some_and(|epoch| epoch != all.position.epoch);
        let there = all.entries.iter();
        let there: HashMap<&Arc<str>, u64> =
            there.map(|entry| (&entry.key, entry.decided)).collect();
        if is_lost {
            return self.give_back(&there);
        }
        let here = self.entries.keys();
        let gone: Vec<_> = here
            .filter(|key| !there.contains_key(key))
            .cloned()
            .collect();
        for key in gone {
            self.remove(&key);
            if !self.pending.contains_key(&key) {
                self.tell(key, None);
            }
        }
    }

    /// Writes what was decided later than what the backplane has, which has lost what it had.
    fn give_back(&mut self, there: &HashMap<&Arc<str>, u64>) {
        tracing::warn!(state = %self.map.name, "the backplane has lost shared state: this node gives back what it knows");
        self.ends.clear();
        self.order.clear();
        for (key, held) in std::mem::take(&mut self.entries) {
            let is_later = there
                .get(&key)
                .is_none_or(|decided| *decided < held.decided);
            if is_later && !self.pending.contains_key(&key) {
                self.next += 1;
                let pending = Pending {
                    number: self.next,
                    value: Some(held.value),
                    until: held.until,
                    condition: StateCondition::DecidedBefore(held.decided),
                };
                self.wait(key, pending);
            } else if !there.contains_key(&key) {
                self.tell(key, None);
            }
        }
    }
}
