//! Shared state: named, bounded maps of which every node has a copy.
//!
//! - [`exchange`] is what goes to the backplane and comes from it, [`replica`] one node's copy, and [`sync`] the task
//!   that writes and reads.
//!
//! The game reads and writes the copy, and never waits.

mod exchange;
mod replica;
mod sync;
#[cfg(test)]
mod tests;

pub use exchange::{
    StateChanges, StateCondition, StateEntry, StateMap, StatePosition, StateWrite, StateWritten,
    WhenFull,
};
pub(super) use sync::run;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_ecs::message::Message;
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Notify;

use super::options::ClusterOptions;
use crate::util::{Mutex, lock};
use replica::{News, Replica};

/// Maps that one node has.
const MAPS_MAX: usize = 64;
/// Longest name of a map in bytes.
const NAME_MAX_BYTES: usize = 64;

/// Why something was not written to a [`SharedState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SharedStateError {
    /// The key is longer than [`SharedStateLimits::key_bytes`].
    #[error("the key is too long")]
    KeyTooLong,
    /// The value is longer than [`SharedStateLimits::value_bytes`].
    #[error("the value is too long")]
    ValueTooLong,
    /// There are [`SharedStateLimits::entries`], here or waiting to be written.
    #[error("the map is full")]
    Full,
    /// The entry is another one by now than the decision was based on.
    #[error("the entry has changed")]
    Conflict,
}

/// The bounds of one map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedStateLimits {
    /// Entries that it may have.
    pub entries: usize,
    /// Longest key in bytes.
    pub key_bytes: usize,
    /// Longest value in bytes.
    pub value_bytes: usize,
    /// What happens to one entry more.
    pub when_full: WhenFull,
}

impl From<&ClusterOptions> for SharedStateLimits {
    fn from(options: &ClusterOptions) -> Self {
        Self {
            entries: options.shared_entries,
            key_bytes: options.shared_key_bytes,
            value_bytes: options.shared_value_bytes,
            when_full: WhenFull::Refuse,
        }
    }
}

impl Default for SharedStateLimits {
    /// Those of [`ClusterOptions::default`].
    fn default() -> Self {
        Self::from(&ClusterOptions::default())
    }
}

/// Who has a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// This process only.
    Local,
    /// All nodes, over the backplane.
    Fleet,
}

/// An entry of a [`SharedState`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedEntry {
    /// Its value.
    pub value: Bytes,
    /// How long it still stays; `None` for ever.
    pub left: Option<Duration>,
}

/// What a decision is based on: one value of one entry, or that there was none. See [`SharedState::version`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateVersion {
    confirmed: u64,
    pending: u64,
}

/// What became of the writes of one map since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SharedStateCounters {
    /// Writes that the backplane has.
    pub taken: u64,
    /// Attempts that failed, and were or will be repeated.
    pub failed: u64,
    /// Writes that were not taken because another node had been faster.
    pub conflicts: u64,
    /// Writes that were not taken because the map is full.
    pub refused: u64,
}

/// Another node has changed an entry of a [`SharedState`], or a write of this node was not taken.
///
/// It says which entry, and not what is in it: [`SharedState::get`] has the newest. Changes of one entry within one
/// tick are told once. That an entry has ended by its lifetime is not told.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStateChanged {
    /// The name of the map.
    pub state: Arc<str>,
    /// The key of the entry.
    pub key: Arc<str>,
    /// What this node had written and the backplane did not take. It is to be decided anew.
    pub refused: Option<RefusedWrite>,
}

/// A write that the backplane did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWrite {
    /// The value; `None` for a removal.
    pub value: Option<Bytes>,
    /// [`SharedStateError::Conflict`] when another node was faster, or [`SharedStateError::Full`].
    pub error: SharedStateError,
}

/// A named, bounded map that all nodes of a fleet share: see [`Cluster::shared_state`](crate::Cluster::shared_state).
///
/// Every node has a copy. Reading it costs a lock and never waits for the network. What this node writes it sees at
/// once; the others see it when it has travelled, usually within a tenth of a second. While the backplane is away,
/// the newest write of each key waits and is tried again; [`counters`](Self::counters) and
/// [`waiting`](Self::waiting) show it.
///
/// Two nodes that write the same entry at the same time agree on the one that the backplane took last. Where that is
/// not good enough, [`compare_and_put`](Self::compare_and_put) takes the first, and the other node is told.
///
/// ```
/// use bevy_bouncer::{SharedState, SharedStateLimits};
///
/// // Of one process; `Cluster::shared_state` gives that of the fleet.
/// let weather = SharedState::local(SharedStateLimits::default());
/// weather.put("north", "rain", None)?;
/// let version = weather.version("north");
/// weather.compare_and_put("north", version, Some("snow".into()), None)?;
/// assert_eq!(weather.get("north").unwrap().value, "snow");
/// # Ok::<(), bevy_bouncer::SharedStateError>(())
/// ```
#[derive(Clone)]
pub struct SharedState {
    name: Arc<str>,
    replica: Arc<Mutex<Replica>>,
    signal: Arc<Signal>,
    max_lag: Duration,
}

/// Tells the task that something waits, and the game that something is new.
#[derive(Default)]
struct Signal {
    waits: Notify,
    has_news: AtomicBool,
}

impl SharedState {
    /// A map of this process only: what is written is there, and nobody else changes it.
    pub fn local(limits: SharedStateLimits) -> Self {
        Self::new(
            "".into(),
            limits,
            Sharing::Local,
            0,
            Arc::default(),
            Duration::ZERO,
        )
    }

    fn new(
        name: Arc<str>,
        limits: SharedStateLimits,
        sharing: Sharing,
        first_id: u64,
        signal: Arc<Signal>,
        max_lag: Duration,
    ) -> Self {
        let map = StateMap {
            name: name.clone(),
            entries: limits.entries,
            when_full: limits.when_full,
        };
        let replica = Replica::new(map, limits, sharing, first_id);
        Self {
            name,
            replica: Arc::new(Mutex::new(replica)),
            signal,
            max_lag,
        }
    }

    fn is_local(&self) -> bool {
        lock(&self.replica).is_local()
    }

    /// The map's name; empty for a local one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is there now, as far as this node knows.
    pub fn get(&self, key: &str) -> Option<SharedEntry> {
        lock(&self.replica).get(key, Instant::now())
    }

    /// The keys of all entries, in no order.
    pub fn keys(&self) -> Vec<Arc<str>> {
        let mut replica = lock(&self.replica);
        replica.forget_ended(Instant::now());
        replica.keys()
    }

    /// Sets an entry, for ever or for so long by the backplane's clock, whatever it was before. Returns at once.
    ///
    /// # Errors
    /// [`SharedStateError`], but for `Conflict`.
    pub fn put(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        lifetime: Option<Duration>,
    ) -> Result<(), SharedStateError> {
        self.write(key, Some(value.into()), lifetime, None)
    }

    /// Removes an entry, if there is one. Returns at once.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn remove(&self, key: &str) -> Result<(), SharedStateError> {
        self.write(key, None, None, None)
    }

    /// What [`get`](Self::get) shows now, for [`compare_and_put`](Self::compare_and_put). Take it before you look.
    pub fn version(&self, key: &str) -> StateVersion {
        lock(&self.replica).version(key, Instant::now())
    }

    /// Sets an entry, or removes it, unless it has changed since: then nothing is written. When it has changed
    /// elsewhere, that is known only later, and [`SharedStateChanged::refused`] tells it. Returns at once.
    ///
    /// # Errors
    /// [`SharedStateError`].
    pub fn compare_and_put(
        &self,
        key: &str,
        based_on: StateVersion,
        value: Option<Bytes>,
        lifetime: Option<Duration>,
    ) -> Result<(), SharedStateError> {
        self.write(key, value, lifetime, Some(based_on))
    }

    fn write(
        &self,
        key: &str,
        value: Option<Bytes>,
        lifetime: Option<Duration>,
        based_on: Option<StateVersion>,
    ) -> Result<(), SharedStateError> {
        let now = Instant::now();
        lock(&self.replica).put(key, value, lifetime, based_on, now)?;
        self.signal.waits.notify_one();
        Ok(())
    }

    /// Whether this node is known to have everything that was there a moment ago: at most
    /// [`ClusterOptions::max_lag`](crate::ClusterOptions::max_lag). Always for a local one.
    pub fn is_current(&self) -> bool {
        lock(&self.replica).is_current(self.max_lag)
    }

    /// Whether this node has had everything once, and the game was told of it. From then on it goes on with what it
    /// knows while the backplane is away. Always for a local one.
    pub fn is_loaded(&self) -> bool {
        lock(&self.replica).is_delivered()
    }

    /// How many keys have a write that the backplane does not have yet.
    pub fn waiting(&self) -> usize {
        lock(&self.replica).waiting()
    }

    /// What became of the writes since the start.
    pub fn counters(&self) -> SharedStateCounters {
        lock(&self.replica).counters
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The maps of this node, by name.
#[derive(Default)]
pub(crate) struct SharedStates {
    maps: Mutex<BTreeMap<Arc<str>, SharedState>>,
    signal: Arc<Signal>,
}

impl SharedStates {
    /// The map of this name, which is read from now on. The first call decides about the limits.
    pub fn get(
        &self,
        name: &str,
        limits: SharedStateLimits,
        max_lag: Duration,
        sharing: Sharing,
        first_id: u64,
    ) -> SharedState {
        let mut maps = lock(&self.maps);
        if let Some(known) = maps.get(name) {
            return known.clone();
        }
        let is_possible = name.len() <= NAME_MAX_BYTES && maps.len() < MAPS_MAX;
        if !is_possible {
            tracing::error!(
                name,
                "shared state is not shared: more than {MAPS_MAX} maps, or a name of more than {NAME_MAX_BYTES} bytes"
            );
        } else if sharing == Sharing::Local {
            tracing::warn!(name, "the backplane shares no state: it stays on this node");
        }
        let sharing = if is_possible { sharing } else { Sharing::Local };
        let name: Arc<str> = name.into();
        let signal = self.signal.clone();
        let map = SharedState::new(name.clone(), limits, sharing, first_id, signal, max_lag);
        if is_possible {
            maps.insert(name, map.clone());
            self.signal.waits.notify_one();
        }
        map
    }

    fn all(&self) -> Vec<SharedState> {
        lock(&self.maps).values().cloned().collect()
    }

    /// Whether every map has been read once.
    pub fn are_loaded(&self) -> bool {
        let mut all = self.all().into_iter();
        all.all(|map| lock(&map.replica).is_loaded())
    }

    /// Whether the game has something to hear.
    pub fn has_news(&self) -> bool {
        self.signal.has_news.load(Ordering::Acquire)
    }

    /// What the game has not heard yet: of each map in the order in which it came.
    pub fn take_news(&self) -> Vec<SharedStateChanged> {
        self.signal.has_news.store(false, Ordering::Release);
        let mut changed = Vec::new();
        for map in self.all() {
            let news = lock(&map.replica).take_news().into_iter();
            changed.extend(news.map(|News { key, refused }| SharedStateChanged {
                state: map.name.clone(),
                key,
                refused,
            }));
        }
        changed
    }
}
