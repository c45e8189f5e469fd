//! Token buckets: so many at once, and so many in each period of time in the long run.

use std::time::{Duration, Instant};

/// How large a bucket is and how fast it fills. Many buckets share one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    tokens: u64,
    /// In nanoseconds: in this time that many tokens come.
    period: u64,
    /// In nanoseconds: in this time an empty bucket fills.
    capacity: u64,
}

impl Rate {
    /// So many tokens in each period, and as many at once. At least one.
    pub fn new(tokens: usize, period: Duration) -> Self {
        let mut rate = Self {
            tokens: u64::try_from(tokens).unwrap_or(u64::MAX).max(1),
            period: nanoseconds(period),
            capacity: 0,
        };
        // Not the whole period: the time for one token is rounded down, and this holds no more than that many.
        rate.capacity = rate.cost(1).saturating_mul(rate.tokens);
        rate
    }

    /// The same tokens in each period, and so many at once.
    pub fn burst(mut self, tokens: usize) -> Self {
        self.capacity = self.cost(tokens);
        self
    }

    /// The time in which so many tokens come, in nanoseconds, rounded down.
    fn cost(&self, tokens: usize) -> u64 {
        let cost = u128::from(self.period) * tokens as u128 / u128::from(self.tokens);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// One bucket, kept as the time at which it will be full again. Taking a token moves that time away; when it
/// is further away than an empty bucket takes to fill, the bucket owes tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenBucket {
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether the bucket is full.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The time until there is one. Then nothing is taken.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let missing = nanoseconds(self.fills_in(now)).saturating_add(rate.cost(1));
        if missing > rate.capacity {
            return Err(Duration::from_nanos(missing - rate.capacity));
        }
        self.full_at = after(now, missing);
        Ok(())
    }

    /// Takes so many tokens, or as many as there are.
    pub fn take_up_to(&mut self, tokens: usize, rate: Rate, now: Instant) {
        let missing = nanoseconds(self.fills_in(now)).saturating_add(rate.cost(tokens));
        self.full_at = self.full_at.max(after(now, missing.min(rate.capacity)));
    }

    /// Takes so many tokens, which the bucket then owes as far as it has not got them.
    pub fn overdraw(&mut self, tokens: usize, rate: Rate, now: Instant) {
        let missing = nanoseconds(self.fills_in(now)).saturating_add(rate.cost(tokens));
        self.full_at = after(now, missing);
    }

    /// Puts one token back. A full bucket stays full.
    pub fn put_back(&mut self, rate: Rate) {
        let interval = Duration::from_nanos(rate.cost(1));
        self.full_at = self.full_at.checked_sub(interval).unwrap_or(self.full_at);
    }

    /// The time until nothing is owed; zero when nothing is.
    pub fn debt(&self, rate: Rate, now: Instant) -> Duration {
        let capacity = Duration::from_nanos(rate.capacity);
        self.fills_in(now).saturating_sub(capacity)
    }

    /// Whether at least half of the tokens are there.
    pub fn is_half_full(&self, rate: Rate, now: Instant) -> bool {
        self.fills_in(now) <= Duration::from_nanos(rate.capacity / 2)
    }

    fn fills_in(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// At most 584 years later, which every clock can add.
fn after(now: Instant, nanoseconds: u64) -> Instant {
    now + Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_holds_what_comes_in_a_period_and_refills_evenly() {
        let (rate, start) = (Rate::new(6, 60 * SECOND), Instant::now());
        let mut bucket = TokenBucket::full(start);
        for _ in 0..6 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        assert_eq!(bucket.take(rate, start), Err(10 * SECOND));
        assert_eq!(bucket.take(rate, start + 10 * SECOND), Ok(()));
        assert_eq!(bucket.take(rate, start + 10 * SECOND), Err(10 * SECOND));
        assert!(!bucket.is_full(start + 69 * SECOND));
        assert!(bucket.is_full(start + 70 * SECOND));
    }

    #[test]
    fn a_debt_is_paid_by_waiting() {
        let rate = Rate::new(10, SECOND).burst(20);
        let start = Instant::now();
        let mut bucket = TokenBucket::full(start);
        bucket.overdraw(25, rate, start);
        assert_eq!(bucket.debt(rate, start), SECOND / 2);
        assert_eq!(bucket.debt(rate, start + SECOND), Duration::ZERO);
        assert!(!bucket.is_half_full(rate, start + SECOND));
        assert!(bucket.is_half_full(rate, start + 3 * SECOND / 2));
    }

    #[test]
    fn taking_what_is_there_leaves_no_debt_and_forgives_none() {
        let (rate, start) = (Rate::new(2, SECOND), Instant::now());
        let mut bucket = TokenBucket::full(start);
        bucket.take_up_to(usize::MAX, rate, start);
        assert_eq!(bucket.debt(rate, start), Duration::ZERO);
        assert_eq!(bucket.take(rate, start), Err(SECOND / 2));
        bucket.overdraw(2, rate, start);
        bucket.take_up_to(1, rate, start);
        assert_eq!(bucket.debt(rate, start), SECOND);
    }

    /// The bucket as one would explain it: a number of tokens that grows with time.
    struct Model {
        tokens: f64,
        at: f64,
    }

    impl Model {
        fn fill(&mut self, at: f64, per_second: f64, burst: f64) {
            self.tokens = (self.tokens + (at - self.at) * per_second).min(burst);
            self.at = at;
        }
    }

    proptest! {
        #[test]
        fn the_time_until_full_says_the_same_as_a_count_of_tokens(
            per_second in 1_usize..5000,
            burst in 1_usize..5000,
            steps in prop::collection::vec((0_u64..500, 0_usize..200, 0..4_u8), 1..60),
        ) {
            let rate = Rate::new(per_second, SECOND).burst(burst);
            let (rate_f, burst_f) = (per_second as f64, burst as f64);
            let start = Instant::now();
            let mut bucket = TokenBucket::full(start);
            let mut model = Model { tokens: burst_f, at: 0.0 };
            let mut now = start;
            for (milliseconds, tokens, step) in steps {
                now += Duration::from_millis(milliseconds);
                model.fill((now - start).as_secs_f64(), rate_f, burst_f);
                // So close to the border, rounding may decide.
                let is_clear = |left: f64| left.abs() > 1e-3;
                match step {
                    0 => {
                        let taken = bucket.take(rate, now).is_ok();
                        if is_clear(model.tokens - 1.0) {
                            prop_assert_eq!(taken, model.tokens >= 1.0);
                        }
                        if taken {
                            model.tokens -= 1.0;
                        }
                    }
                    1 => {
                        bucket.overdraw(tokens, rate, now);
                        model.tokens -= tokens as f64;
                    }
                    2 => {
                        bucket.take_up_to(tokens, rate, now);
                        model.tokens -= (tokens as f64).min(model.tokens.max(0.0));
                    }
                    _ => {
                        bucket.put_back(rate);
                        model.tokens = (model.tokens + 1.0).min(burst_f);
                    }
                }
                let debt = bucket.debt(rate, now).as_secs_f64();
                let owed = (-model.tokens / rate_f).max(0.0);
                prop_assert!((debt - owed).abs() < 1e-4, "{debt} instead of {owed}");
            }
        }

        #[test]
        fn a_full_bucket_gives_exactly_its_tokens(tokens in 1_usize..2000, minutes in 1_u64..3) {
            let (rate, start) = (Rate::new(tokens, 60 * SECOND * minutes as u32), Instant::now());
            let mut bucket = TokenBucket::full(start);
            let taken = (0..tokens + 1).filter(|_| bucket.take(rate, start).is_ok());
            prop_assert_eq!(taken.count(), tokens);
        }
    }
}
