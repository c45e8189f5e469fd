//! The maps of this node.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    changed::SharedStateChanged,
    limits::{SharedStateLimits, Sharing},
    replica::News,
    state::{SharedState, Signal},
};
use crate::util::{Mutex, lock};

/// Maps that one node has.
const MAPS_MAX: usize = 64;
/// Longest name of a map in bytes.
const NAME_MAX_BYTES: usize = 64;

/// The maps of this node, by name.
#[derive(Default)]
pub(crate) struct SharedStates {
    maps: Mutex<BTreeMap<Arc<str>, SharedState>>,
    pub(super) signal: Arc<Signal>,
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

    pub(super) fn all(&self) -> Vec<SharedState> {
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
