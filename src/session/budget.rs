//! How fast a client may send.

use std::time::{Duration, Instant};

/// A token bucket that may be overdrawn once: what has arrived is paid afterwards, and reading pauses
/// until the debt is gone.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: f64,
    burst: f64,
    level: f64,
    updated: Instant,
    /// Since when the client has been over its rate.
    over_since: Option<Instant>,
}

impl Budget {
    pub fn new(per_second: usize, burst: usize, now: Instant) -> Self {
        Self {
            per_second: per_second as f64,
            burst: burst as f64,
            level: burst as f64,
            updated: now,
            over_since: None,
        }
    }

    /// Pays for what has arrived.
    pub fn spend(&mut self, amount: usize, now: Instant) {
        self.refill(now);
        self.level -= amount as f64;
        if self.level < 0.0 && self.over_since.is_none() {
            self.over_since = Some(now);
        }
    }

    /// When reading may go on; `None` for at once.
    pub fn pause_until(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        (self.level < 0.0).then(|| now + Duration::from_secs_f64(-self.level / self.per_second))
    }

    /// Since when the client has been over its rate. Somebody who is a burst ahead again is not.
    pub fn over_since(&self) -> Option<Instant> {
        self.over_since
    }

    fn refill(&mut self, now: Instant) {
        let earned = now.duration_since(self.updated).as_secs_f64() * self.per_second;
        self.level = (self.level + earned).min(self.burst);
        self.updated = now;
        if self.level >= self.burst / 2.0 {
            self.over_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_free_and_the_rest_is_paced() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 20, start);
        budget.spend(20, start);
        assert_eq!(budget.pause_until(start), None);
        budget.spend(5, start);
        assert_eq!(budget.pause_until(start), Some(start + SECOND / 2));
        assert_eq!(budget.pause_until(start + SECOND), None);
    }

    #[test]
    fn a_flood_stays_over_and_a_pause_forgives() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 20, start);
        for second in 0..10 {
            let now = start + SECOND * second;
            budget.spend(40, now);
        }
        assert_eq!(budget.over_since(), Some(start));
        let later = start + SECOND * 60;
        budget.pause_until(later);
        assert_eq!(budget.over_since(), None);
    }
}
