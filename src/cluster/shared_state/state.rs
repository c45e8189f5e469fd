//! One map, as the game has it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

#[cfg(doc)]
use super::changed::SharedStateChanged;
use super::{
    exchange::StateMap,
    limits::{SharedStateError, SharedStateLimits, Sharing},
    replica::Replica,
};
use crate::util::{Mutex, lock};

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
    pub(super) confirmed: u64,
    pub(super) pending: u64,
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
    pub(super) name: Arc<str>,
    pub(super) replica: Arc<Mutex<Replica>>,
    signal: Arc<Signal>,
    max_lag: Duration,
}

/// Tells the task that something waits, and the game that something is new.
#[derive(Default)]
pub(super) struct Signal {
    pub waits: Notify,
    pub has_news: AtomicBool,
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

    pub(super) fn new(
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

    pub(super) fn is_local(&self) -> bool {
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

    /// The keys that have a write which the backplane does not have yet, in no order.
    pub fn waiting_keys(&self) -> Vec<Arc<str>> {
        lock(&self.replica).waiting_keys()
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
