//! How long to wait before something that failed is tried again.

use std::time::Duration;

use super::jitter::jitter;

/// Waits that double from a first one to a longest one, each by chance between its half and its whole.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    /// In a row.
    failures: u32,
}

impl Backoff {
    /// Doubles from the first wait to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// An attempt went well: the next wait is the first one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// An attempt failed: the time until the next one.
    pub fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        let whole = doubled.min(self.longest);
        self.failures = self.failures.saturating_add(1);
        jitter(whole / 2..=whole)
    }

    /// An attempt failed: waits until the next one.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next()).await;
    }
}

impl Default for Backoff {
    /// From 50 ms to 2 s, for what the nodes of a fleet share.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_the_longest_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        for _ in 0..2 {
            for whole in [50, 100, 200, 400, 800, 1000, 1000] {
                let whole = Duration::from_millis(whole);
                let wait = backoff.next();
                assert!((whole / 2..=whole).contains(&wait), "{wait:?} of {whole:?}");
            }
            backoff.reset();
        }
    }

    #[test]
    fn the_longest_wait_comes_again_and_again() {
        let mut backoff = Backoff {
            failures: u32::MAX,
            ..Backoff::default()
        };
        assert!(backoff.next() <= backoff.longest);
        assert!(backoff.next() >= backoff.longest / 2);
    }
}
