//! The maps of shared state.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::cluster::shared_state::{
    StateChanges, StateCondition, StateEntry, StateMap, StatePosition, StateWrite, StateWritten,
    WhenFull,
};

/// Removals that a map remembers: nodes that were behind by more read it as a whole.
const REMOVALS_MAX: usize = 1024;
/// Entries that are read with one question, unless it is the whole map.
const PAGE: usize = 512;

/// One map. Every change gets the next version.
#[derive(Default)]
pub(super) struct SharedMap {
    entries: HashMap<Arc<str>, Entry>,
    /// The keys by version.
    order: BTreeMap<u64, Arc<str>>,
    /// How many of the entries are removals.
    removals: usize,
    last: u64,
    /// Something of up to this version was forgotten.
    floor: u64,
    /// Always 0, but for tests of what a backplane does that has lost the map.
    pub epoch: u64,
}

struct Entry {
    id: u64,
    value: Option<Bytes>,
    version: u64,
    decided: u64,
    until: Option<Instant>,
}

impl SharedMap {
    /// Changes entries, each by itself.
    pub fn write(&mut self, map: &StateMap, writes: &[StateWrite]) -> Vec<StateWritten> {
        let now = Instant::now();
        self.forget_ended(now);
        let writes = writes.iter();
        writes.map(|write| self.change(map, write, now)).collect()
    }

    fn change(&mut self, map: &StateMap, write: &StateWrite, now: Instant) -> StateWritten {
        let held = self.entries.get(&write.key);
        let held = held.filter(|held| held.value.is_some());
        let holds = match write.condition {
            StateCondition::None => true,
            StateCondition::Version(version) => version == held.map_or(0, |held| held.version),
            StateCondition::DecidedBefore(decided) => {
                held.is_none_or(|held| held.decided < decided)
            }
        };
        if !holds {
            let is = held.map(|held| entry(&write.key, held, now));
            return StateWritten::Conflict(is);
        }
        let is_new = held.is_none() && write.value.is_some();
        if is_new && self.entries.len() - self.removals >= map.entries {
            if map.when_full == WhenFull::Refuse {
                return StateWritten::Full;
            }
            self.forget_oldest(|entry| entry.value.is_some());
        }
        self.forget(&write.key);
        self.last += 1;
        let version = self.last;
        let decided = match write.condition {
            StateCondition::DecidedBefore(decided) => decided,
            _ => version,
        };
        self.removals += usize::from(write.value.is_none());
        self.order.insert(version, write.key.clone());
        let until = write.lifetime.map(|lifetime| now + lifetime);
        let entry = Entry {
            id: write.id,
            value: write.value.clone(),
            version,
            decided,
            until,
        };
        self.entries.insert(write.key.clone(), entry);
        if self.removals > REMOVALS_MAX {
            self.forget_oldest(|entry| entry.value.is_none());
        }
        StateWritten::Taken { version, decided }
    }

    /// Forgets an entry. Returns its version.
    fn forget(&mut self, key: &Arc<str>) -> Option<u64> {
        let entry = self.entries.remove(key)?;
        self.removals -= usize::from(entry.value.is_none());
        self.order.remove(&entry.version);
        Some(entry.version)
    }

    /// Forgets an entry of which a node that is behind will not hear.
    fn forget_untold(&mut self, key: &Arc<str>) {
        let version = self.forget(key);
        self.floor = self.floor.max(version.unwrap_or(0));
    }

    fn forget_oldest(&mut self, which: impl Fn(&Entry) -> bool) {
        let mut keys = self.order.values();
        let oldest = keys.find(|key| self.entries.get(*key).is_some_and(&which));
        if let Some(oldest) = oldest.cloned() {
            self.forget_untold(&oldest);
        }
    }

    fn forget_ended(&mut self, now: Instant) {
        let has_ended = |entry: &Entry| entry.until.is_some_and(|until| until <= now);
        let entries = self.entries.iter();
        let ended = entries.filter(|(_, entry)| has_ended(entry));
        let ended: Vec<_> = ended.map(|(key, _)| key.clone()).collect();
        for key in ended {
            self.forget_untold(&key);
        }
    }

    /// What has changed after a position.
    pub fn read(&mut self, after: Option<StatePosition>) -> StateChanges {
        let now = Instant::now();
        self.forget_ended(now);
        let after = after.filter(|after| after.epoch == self.epoch && after.version >= self.floor);
        let from = after.map_or(0, |after| after.version);
        let page = if after.is_some() { PAGE } else { usize::MAX };
        let changed = self.order.range(from + 1..).take(page);
        let changed: Vec<StateEntry> = changed
            .filter_map(|(_, key)| Some(entry(key, self.entries.get(key)?, now)))
            .collect();
        let complete = changed.len() < page;
        let last = changed.last().map_or(from, |entry| entry.version);
        StateChanges {
            entries: changed,
            whole: after.is_none(),
            position: StatePosition {
                epoch: self.epoch,
                version: if complete { self.last } else { last },
            },
            complete,
        }
    }
}

fn entry(key: &Arc<str>, held: &Entry, now: Instant) -> StateEntry {
    let left = |until: Instant| until.saturating_duration_since(now);
    StateEntry {
        id: held.id,
        key: key.clone(),
        value: held.value.clone(),
        version: held.version,
        decided: held.decided,
        left: held.until.map(left).filter(|left| *left > Duration::ZERO),
    }
}
