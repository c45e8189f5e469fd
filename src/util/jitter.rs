//! Times that differ by chance, so that what began together does not go on together.

use std::{ops::RangeInclusive, time::Duration};

/// A time within the range, each as likely as another; the middle when the system has no random numbers. The
/// start when the range is empty.
pub(crate) fn jitter(range: RangeInclusive<Duration>) -> Duration {
    let (start, end) = range.into_inner();
    start + end.saturating_sub(start).mul_f64(random_share())
}

/// A number from 0 to 1, each as likely as another; about one half when the system has no random numbers.
pub(crate) fn random_share() -> f64 {
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_spread_over_the_range_and_stay_within() {
        let (start, end) = (Duration::from_secs(10), Duration::from_secs(20));
        let times: Vec<_> = (0..1000).map(|_| jitter(start..=end)).collect();
        assert!(times.iter().all(|time| (start..=end).contains(time)));
        let lower = times.iter().filter(|time| **time < (start + end) / 2);
        let lower = lower.count();
        assert!(
            (350..=650).contains(&lower),
            "{lower} of 1000 in the lower half"
        );
    }

    #[test]
    fn an_empty_range_is_its_start() {
        let (start, end) = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(jitter(start..=start), start);
        assert_eq!(jitter(start..=end), start);
    }
}
