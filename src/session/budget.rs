//! How fast a client may send.

use std::time::{Duration, Instant};

use crate::util::{Rate, TokenBucket};

/// What one client may send. What has arrived counts afterwards, so the bucket may be overdrawn; then reading
/// pauses until nothing is owed.
#[derive(Debug)]
pub(crate) struct Budget {
    rate: Rate,
    bucket: TokenBucket,
    over_since: Option<Instant>,
}

impl Budget {
    /// So many frames or bytes a second, and `burst` of them at once.
    pub fn new(per_second: usize, burst: usize, now: Instant) -> Self {
        Self {
            rate: Rate::new(per_second, Duration::from_secs(1)).burst(burst),
            bucket: TokenBucket::full(now),
            over_since: None,
        }
    }

    /// Counts what has arrived.
    pub fn spend(&mut self, amount: usize, now: Instant) {
        self.forgive(now);
        self.bucket.overdraw(amount, self.rate, now);
        if !self.bucket.debt(self.rate, now).is_zero() {
            self.over_since.get_or_insert(now);
        }
    }

    /// When reading may go on; `None` for at once.
    pub fn pause_until(&mut self, now: Instant) -> Option<Instant> {
        self.forgive(now);
        let debt = self.bucket.debt(self.rate, now);
        (!debt.is_zero()).then(|| now + debt)
    }

    /// Since when the client has been over its rate. A client with half of its burst to spare is not.
    pub fn over_since(&self) -> Option<Instant> {
        self.over_since
    }

    fn forgive(&mut self, now: Instant) {
        if self.bucket.is_half_full(self.rate, now) {
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
