//! One node's copy of a map, with the writes that the backplane does not have yet. Plain data.
//!
//! ```text
//! put ─► pending, by key ─► batch ─► backplane ─► taken: confirmed │ conflict: dropped, and the game is told
//! changes of other nodes ─► confirmed ─► news, by key ─► the game
//! ```
//!
//! What the node reads is what it has written last, over what the backplane has confirmed.

mod apply;

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    RefusedWrite, SharedEntry, SharedStateCounters, SharedStateError, SharedStateLimits, Sharing,
    StateVersion,
    exchange::{StateCondition, StateMap, StatePosition, StateWrite, StateWritten, WhenFull},
};

/// See the module's documentation.
pub(crate) struct Replica {
    pub map: StateMap,
    limits: SharedStateLimits,
    sharing: Sharing,
    entries: HashMap<Arc<str>, Held>,
    /// When entries end.
    ends: BTreeSet<(Instant, Arc<str>)>,
    pending: HashMap<Arc<str>, Pending>,
    /// The keys of the pending writes that are not on their way, in their order.
    waiting: VecDeque<Arc<str>>,
    /// Counts writes.
    next: u64,
    /// By chance, so that the ids of writes differ from those of other nodes.
    first_id: u64,
    position: Option<StatePosition>,
    /// When everything was known last.
    confirmed: Option<Instant>,
    /// Whether the game was told everything that was there first.
    is_delivered: bool,
    news: VecDeque<Arc<str>>,
    /// The keys in `news`, with what was wanted there and not taken.
    untold: HashMap<Arc<str>, Option<RefusedWrite>>,
    pub counters: SharedStateCounters,
}

struct Held {
    value: Bytes,
    version: u64,
    decided: u64,
    until: Option<Instant>,
}

struct Pending {
    number: u64,
    value: Option<Bytes>,
    until: Option<Instant>,
    condition: StateCondition,
}

/// Something that the game is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub key: Arc<str>,
    pub refused: Option<RefusedWrite>,
}

/// A write on its way, with the number of the put that it came from.
pub(crate) type Numbered = (u64, StateWrite);

impl Replica {
    pub fn new(map: StateMap, limits: SharedStateLimits, sharing: Sharing, first_id: u64) -> Self {
        Self {
            map,
            limits,
            sharing,
            entries: HashMap::new(),
            ends: BTreeSet::new(),
            pending: HashMap::new(),
            waiting: VecDeque::new(),
            next: 0,
            first_id,
            position: None,
            confirmed: None,
            is_delivered: sharing == Sharing::Local,
            news: VecDeque::new(),
            untold: HashMap::new(),
            counters: SharedStateCounters::default(),
        }
    }

    pub fn get(&self, key: &str, now: Instant) -> Option<SharedEntry> {
        let (value, until) = match (self.pending.get(key), self.entries.get(key)) {
            (Some(pending), _) => (pending.value.as_ref()?, pending.until),
            (None, held) => held.map(|held| (&held.value, held.until))?,
        };
        let left = until.map(|until| until.saturating_duration_since(now));
        (left != Some(Duration::ZERO)).then(|| SharedEntry {
            value: value.clone(),
            left,
        })
    }

    /// Which version of an entry, or of its absence, `get` shows now.
    pub fn version(&self, key: &str, now: Instant) -> StateVersion {
        let held = self.entries.get(key);
        let held = held.filter(|held| held.until.is_none_or(|until| until > now));
        StateVersion {
            confirmed: held.map_or(0, |held| held.version),
            pending: self.pending.get(key).map_or(0, |pending| pending.number),
        }
    }

    pub fn keys(&self) -> Vec<Arc<str>> {
        let confirmed = self.entries.keys();
        let new = self.pending.keys();
        let new = new.filter(|key| !self.entries.contains_key(*key));
        confirmed.chain(new).cloned().collect()
    }

    pub fn put(
        &mut self,
        key: &str,
        value: Option<Bytes>,
        lifetime: Option<Duration>,
        based_on: Option<StateVersion>,
        now: Instant,
    ) -> Result<(), SharedStateError> {
        if key.len() > self.limits.key_bytes {
            return Err(SharedStateError::KeyTooLong);
        }
        let length = value.as_ref().map_or(0, Bytes::len);
        if length > self.limits.value_bytes {
            return Err(SharedStateError::ValueTooLong);
        }
        self.forget_ended(now);
        let is = self.version(key, now);
        if based_on.is_some_and(|based_on| based_on != is) {
            return Err(SharedStateError::Conflict);
        }
        let condition = match (based_on, self.pending.get(key)) {
            (None, _) => StateCondition::None,
            (Some(_), Some(before)) => match before.condition {
                StateCondition::DecidedBefore(_) => StateCondition::Version(0),
                other => other,
            },
            (Some(version), None) => StateCondition::Version(version.confirmed),
        };
        let until = lifetime.map(|lifetime| now + lifetime);
        self.next += 1;
        if self.is_local() {
            return self.keep_here(key.into(), value, until);
        }
        if self.pending.len() >= self.limits.entries && !self.pending.contains_key(key) {
            return Err(SharedStateError::Full);
        }
        let pending = Pending {
            number: self.next,
            value,
            until,
            condition,
        };
        self.wait(key.into(), pending);
        Ok(())
    }

    fn wait(&mut self, key: Arc<str>, pending: Pending) {
        // One that was on its way goes again when its answer is there.
        if self.pending.insert(key.clone(), pending).is_none() {
            self.waiting.push_back(key);
        }
    }

    /// Without a backplane this node decides.
    fn keep_here(
        &mut self,
        key: Arc<str>,
        value: Option<Bytes>,
        until: Option<Instant>,
    ) -> Result<(), SharedStateError> {
        let Some(value) = value else {
            self.remove(&key);
            return Ok(());
        };
        let is_full = self.entries.len() >= self.limits.entries && !self.entries.contains_key(&key);
        if is_full && self.limits.when_full == WhenFull::Refuse {
            return Err(SharedStateError::Full);
        }
        self.hold(
            key,
            Held {
                value,
                version: self.next,
                decided: self.next,
                until,
            },
        );
        self.forget_oldest();
        Ok(())
    }

    /// The backplane forgets these as well.
    fn forget_oldest(&mut self) {
        while self.map.when_full == WhenFull::ForgetOldest
            && self.entries.len() > self.limits.entries
        {
            let oldest = self.entries.iter().min_by_key(|(_, held)| held.version);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.remove(&oldest);
            }
        }
    }

    fn hold(&mut self, key: Arc<str>, held: Held) {
        self.remove(&key);
        self.ends
            .extend(held.until.map(|until| (until, key.clone())));
        self.entries.insert(key, held);
    }

    fn remove(&mut self, key: &Arc<str>) -> Option<Held> {
        let held = self.entries.remove(key)?;
        if let Some(until) = held.until {
            self.ends.remove(&(until, key.clone()));
        }
        Some(held)
    }

    /// Forgets what has ended: the backplane does the same by itself.
    pub fn forget_ended(&mut self, now: Instant) {
        while let Some((until, key)) = self.ends.first().cloned()
            && until <= now
        {
            self.ends.pop_first();
            self.entries.remove(&key);
        }
    }

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

    fn confirm_entry(
        &mut self,
        key: Arc<str>,
        value: Option<Bytes>,
        (version, decided, until): (u64, u64, Option<Instant>),
    ) {
        match value {
            Some(value) => self.hold(
                key,
                Held {
                    value,
                    version,
                    decided,
                    until,
                },
            ),
            None => drop(self.remove(&key)),
        }
    }

    fn tell(&mut self, key: Arc<str>, refused: Option<RefusedWrite>) {
        // Removals that a game does not fetch are forgotten in the end: it sees them in the map.
        if self.untold.len() >= self.limits.entries.saturating_mul(2) {
            return;
        }
        match self.untold.entry(key.clone()) {
            hash_map::Entry::Occupied(mut told) => {
                let before = told.get_mut();
                *before = refused.or(before.take());
            }
            hash_map::Entry::Vacant(new) => {
                new.insert(refused);
                self.news.push_back(key);
            }
        }
    }

    pub fn position(&self) -> Option<StatePosition> {
        self.position
    }

    pub fn is_local(&self) -> bool {
        self.sharing == Sharing::Local
    }

    pub fn is_loaded(&self) -> bool {
        self.is_local() || self.confirmed.is_some()
    }

    pub fn is_delivered(&self) -> bool {
        self.is_delivered
    }

    pub fn is_current(&self, max_lag: Duration) -> bool {
        self.is_local() || self.confirmed.is_some_and(|at| at.elapsed() <= max_lag)
    }

    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    pub fn has_news(&self) -> bool {
        !self.news.is_empty() || (self.is_loaded() && !self.is_delivered)
    }

    /// What has changed since, each key once, with what it has now.
    pub fn take_news(&mut self) -> Vec<News> {
        self.is_delivered |= self.is_loaded();
        let news = std::mem::take(&mut self.news).into_iter();
        news.map(|key| News {
            refused: self.untold.remove(&key).flatten(),
            key,
        })
        .collect()
    }
}
