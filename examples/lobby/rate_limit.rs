//! How often each key may do something: the log-in counts addresses.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Lets each key do `burst` things at once and one more per `period`.
///
/// Remembers at most `capacity` keys; when that many are busy at the same time, new ones wait.
pub struct RateLimit<K> {
    burst: u32,
    period: Duration,
    capacity: usize,
    /// When each key will have its whole burst again.
    full_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash> RateLimit<K> {
    /// No key has done anything yet.
    pub fn new(burst: u32, period: Duration, capacity: usize) -> Self {
        Self {
            burst,
            period,
            capacity,
            full_at: HashMap::new(),
        }
    }

    /// Counts one try at this moment.
    ///
    /// # Errors
    /// How long to wait before the next try. A refused try costs nothing.
    pub fn try_at(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.full_at.len() >= self.capacity && !self.full_at.contains_key(&key) {
            self.full_at.retain(|_, full_at| *full_at > now);
            if self.full_at.len() >= self.capacity {
                return Err(self.period);
            }
        }
        let full_at = self.full_at.get(&key).map_or(now, |at| (*at).max(now)) + self.period;
        let too_far = (full_at - now).saturating_sub(self.period * self.burst);
        if too_far > Duration::ZERO {
            return Err(too_far);
        }
        self.full_at.insert(key, full_at);
        Ok(())
    }
}
