//! One node's copy of a map, with the writes that the backplane does not have yet. Plain data.
//!
//! ```text
//! put ─► pending, by key ─► batch ─► backplane ─► taken: confirmed │ conflict: dropped, and the game is told
//! changes of other nodes ─► confirmed ─► news, by key ─► the game
//! ```
//!
//! What the node reads is what it has written last, over what the backplane has confirmed.

mod apply;
mod batch;

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

pub(crate) use batch::Numbered;

use super::{
    changed::RefusedWrite,
    exchange::{StateCondition, StateMap, StatePosition, WhenFull},
    limits::{SharedStateError, SharedStateLimits, Sharing},
    state::{SharedEntry, SharedStateCounters, StateVersion},
};

/// See the module's documentation.
pub(crate) struct Replica {
    pub map: StateMap,
    limits: SharedStateLimits,
    sharing: Sharing,
    entries: HashMap<Arc<str>, Held>,
    /// When entries end.
    ends: BTreeSet<(Instant, Arc<str>)>,
    /// By version, where the oldest is forgotten.
    order: BTreeSet<(u64, Arc<str>)>,
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

impl Replica {
    pub fn new(map: StateMap, limits: SharedStateLimits, sharing: Sharing, first_id: u64) -> Self {
        Self {
            map,
            limits,
            sharing,
            entries: HashMap::new(),
            ends: BTreeSet::new(),
            order: BTreeSet::new(),
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
            let Some((_, oldest)) = self.order.first().cloned() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn hold(&mut self, key: Arc<str>, held: Held) {
        self.remove(&key);
        self.ends
            .extend(held.until.map(|until| (until, key.clone())));
        if self.map.when_full == WhenFull::ForgetOldest {
            self.order.insert((held.version, key.clone()));
        }
        self.entries.insert(key, held);
    }

    fn remove(&mut self, key: &Arc<str>) -> Option<Held> {
        let held = self.entries.remove(key)?;
        if let Some(until) = held.until {
            self.ends.remove(&(until, key.clone()));
        }
        self.order.remove(&(held.version, key.clone()));
        Some(held)
    }

    /// Forgets what has ended: the backplane does the same by itself.
    pub fn forget_ended(&mut self, now: Instant) {
        while let Some((until, key)) = self.ends.first().cloned()
            && until <= now
        {
            self.remove(&key);
        }
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

    pub fn waiting_keys(&self) -> Vec<Arc<str>> {
        self.pending.keys().cloned().collect()
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
