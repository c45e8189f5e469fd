//! What one address may ask for in a minute.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::address_key::AddressKey;
use crate::{
    config::Limits,
    identity::{Refusal, RefusalKind},
    util::{Mutex, Rate, TokenBucket, lock},
};

/// A token bucket for each address, which holds the tokens of a minute and refills evenly.
pub(crate) struct Throttle {
    /// The name of its limit, for the operator.
    limit: &'static str,
    rate: Rate,
    table: Mutex<Table>,
}

struct Table {
    buckets: HashMap<AddressKey, TokenBucket>,
    max_addresses: usize,
    /// The one bucket of all addresses that came when the table was full.
    others: TokenBucket,
    next_sweep: Instant,
}

/// When the table is full, it is swept at most this often: a sweep looks at every entry.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

impl Throttle {
    /// With the limits `handshakes_per_ip_per_minute` and `tracked_addresses`.
    pub fn of_handshakes(limits: &Limits) -> Self {
        Self::new(
            "handshakes_per_ip_per_minute",
            limits.handshakes_per_ip_per_minute,
            limits.tracked_addresses,
        )
    }

    /// `per_minute` tokens for each address, and a table of so many addresses; past that, new ones
    /// share one bucket.
    pub fn new(limit: &'static str, per_minute: usize, max_addresses: usize) -> Self {
        let now = Instant::now();
        Self {
            limit,
            rate: Rate::new(per_minute, Duration::from_secs(60)),
            table: Mutex::new(Table {
                buckets: HashMap::new(),
                max_addresses,
                others: TokenBucket::full(now),
                next_sweep: now,
            }),
        }
    }

    /// Takes one token out of the address's bucket.
    ///
    /// # Errors
    /// 429 with the time until the next token when the bucket is empty.
    pub fn charge(&self, address: AddressKey) -> Result<(), Refusal> {
        self.charge_at(address, Instant::now()).map_err(|wait| {
            Refusal::from(RefusalKind::TooManyAttempts)
                .because(self.limit)
                .retry_after(wait)
        })
    }

    /// Takes this many tokens for something that is over, or as many as there are: a bucket never
    /// owes.
    pub fn penalize(&self, address: AddressKey, tokens: usize) {
        self.penalize_at(address, tokens, Instant::now());
    }

    /// Puts one token back.
    pub fn refund(&self, address: AddressKey) {
        let mut table = lock(&self.table);
        table.bucket(address, Instant::now()).put_back(self.rate);
    }

    fn charge_at(&self, address: AddressKey, now: Instant) -> Result<(), Duration> {
        let mut table = lock(&self.table);
        table.bucket(address, now).take(self.rate, now)
    }

    fn penalize_at(&self, address: AddressKey, tokens: usize, now: Instant) {
        let mut table = lock(&self.table);
        let bucket = table.bucket(address, now);
        bucket.take_up_to(tokens, self.rate, now);
    }
}

impl Table {
    fn bucket(&mut self, address: AddressKey, now: Instant) -> &mut TokenBucket {
        if self.buckets.len() >= self.max_addresses && now >= self.next_sweep {
            self.next_sweep = now + SWEEP_INTERVAL;
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.buckets.len() < self.max_addresses || self.buckets.contains_key(&address) {
            let bucket = self.buckets.entry(address);
            bucket.or_insert_with(|| TokenBucket::full(now))
        } else {
            &mut self.others
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(address: &str) -> AddressKey {
        AddressKey::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn ipv6_counts_by_its_64_and_a_mapped_address_is_ipv4() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn a_bucket_holds_a_minute_and_refills() {
        let (throttle, start) = (Throttle::new("limit", 6, 10), Instant::now());
        let ann = key("192.0.2.1");
        for _ in 0..6 {
            assert_eq!(throttle.charge_at(ann, start), Ok(()));
        }
        assert_eq!(throttle.charge_at(ann, start), Err(10 * SECOND));
        assert_eq!(throttle.charge_at(key("192.0.2.2"), start), Ok(()));

        let later = start + 10 * SECOND;
        assert_eq!(throttle.charge_at(ann, later), Ok(()));
        assert_eq!(throttle.charge_at(ann, later), Err(10 * SECOND));
        let much_later = start + 3600 * SECOND;
        for _ in 0..6 {
            assert_eq!(throttle.charge_at(ann, much_later), Ok(()));
        }
        assert!(throttle.charge_at(ann, much_later).is_err());
    }

    #[test]
    fn an_empty_bucket_is_429_with_the_time_to_wait() {
        let throttle = Throttle::new("handshakes", 1, 10);
        assert_eq!(throttle.charge(key("192.0.2.1")), Ok(()));
        let refusal = throttle.charge(key("192.0.2.1")).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::TooManyAttempts);
        assert_eq!(refusal.cause(), Some("handshakes"));
        let wait = refusal.retry_delay().unwrap();
        assert!((50 * SECOND..=60 * SECOND).contains(&wait), "{wait:?}");
    }

    #[test]
    fn a_penalty_takes_what_is_there_and_leaves_no_debt() {
        let (throttle, start) = (Throttle::new("limit", 6, 10), Instant::now());
        let ann = key("192.0.2.1");
        throttle.penalize_at(ann, 4, start);
        assert_eq!(throttle.charge_at(ann, start), Ok(()));
        for tokens in [4, usize::MAX] {
            throttle.penalize_at(ann, tokens, start);
            assert_eq!(throttle.charge_at(ann, start), Err(10 * SECOND));
        }
        assert_eq!(throttle.charge_at(ann, start + 10 * SECOND), Ok(()));
    }

    #[test]
    fn a_refund_makes_room_for_one() {
        let throttle = Throttle::new("limit", 2, 10);
        let ann = key("192.0.2.1");
        for _ in 0..100 {
            assert_eq!(throttle.charge(ann), Ok(()));
            throttle.refund(ann);
        }
        assert_eq!(throttle.charge(ann), Ok(()));
        assert_eq!(throttle.charge(ann), Ok(()));
        assert!(throttle.charge(ann).is_err());
        throttle.refund(ann);
        assert_eq!(throttle.charge(ann), Ok(()));
        assert!(throttle.charge(ann).is_err());
    }

    #[test]
    fn refunds_do_not_fill_a_bucket_over_its_brim() {
        let throttle = Throttle::new("limit", 2, 10);
        let ann = key("192.0.2.1");
        (0..50).for_each(|_| throttle.refund(ann));
        assert_eq!(throttle.charge(ann), Ok(()));
        assert_eq!(throttle.charge(ann), Ok(()));
        assert!(throttle.charge(ann).is_err());
    }

    #[test]
    fn p09_past_the_table_all_others_share_one_bucket() {
        let (throttle, start) = (Throttle::new("limit", 2, 3), Instant::now());
        let charge =
            |address: &str, seconds| throttle.charge_at(key(address), start + seconds * SECOND);
        for last in 1..=3 {
            assert_eq!(charge(&format!("192.0.2.{last}"), 0), Ok(()));
        }
        assert_eq!(charge("198.51.100.1", 0), Ok(()));
        assert_eq!(charge("198.51.100.2", 0), Ok(()));
        assert!(charge("198.51.100.3", 0).is_err());
        assert_eq!(charge("192.0.2.1", 0), Ok(()), "known ones go on");
        assert_eq!(lock(&throttle.table).buckets.len(), 3);

        // Once the known ones have been idle they make room.
        assert_eq!(charge("198.51.100.3", 121), Ok(()));
        assert_eq!(lock(&throttle.table).buckets.len(), 1);
    }
}
