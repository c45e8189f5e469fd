//! What one address may ask for: handshakes per minute, and connections at a time.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

use crate::{Limits, Refusal, RefusalKind};

/// Who is counted as one: an IPv4 address, or the /64 of an IPv6 address, which one customer has
/// to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
        })
    }
}

/// A token bucket of handshakes for each address.
pub(crate) struct HandshakeThrottle<C: Clock = DefaultClock> {
    limiter: RateLimiter<AddressKey, Buckets, C, NoOpMiddleware<C::Instant>>,
    max_addresses: usize,
    next_sweep: Mutex<C::Instant>,
}

/// When the table is full, it is swept at most this often: a sweep looks at every entry.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

impl HandshakeThrottle {
    /// With the limits `handshakes_per_ip_per_minute` and `tracked_addresses`.
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, DefaultClock::default())
    }
}

impl<C: Clock> HandshakeThrottle<C> {
    fn with_clock(limits: &Limits, clock: C) -> Self {
        let per_minute = u32::try_from(limits.handshakes_per_ip_per_minute).unwrap_or(u32::MAX);
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let max_addresses = limits.tracked_addresses;
        let buckets = Buckets(Mutex::new(Table {
            known: HashMap::new(),
            others: None,
            max_addresses,
        }));
        Self {
            next_sweep: Mutex::new(clock.now()),
            limiter: RateLimiter::new(quota, buckets, clock),
            max_addresses,
        }
    }

    /// Takes one handshake out of the address's bucket.
    ///
    /// # Errors
    /// 429 with the time until the next one when the bucket is empty.
    pub fn charge(&self, address: AddressKey) -> Result<(), Refusal> {
        self.sweep_when_full();
        self.limiter.check_key(&address).map_err(|not_until| {
            Refusal::from(RefusalKind::TooManyAttempts)
                .because("handshakes_per_ip_per_minute")
                .retry_after(not_until.wait_time_from(self.limiter.clock().now()))
        })
    }

    fn sweep_when_full(&self) {
        if self.limiter.len() < self.max_addresses {
            return;
        }
        let now = self.limiter.clock().now();
        {
            let mut next_sweep = lock(&self.next_sweep);
            if now < *next_sweep {
                return;
            }
            *next_sweep = now + Nanos::from(SWEEP_INTERVAL);
        }
        self.limiter.retain_recent();
    }
}

/// Where the buckets are kept: a table of bounded size, and one bucket for all who came when it was
/// full.
struct Buckets(Mutex<Table>);

struct Table {
    known: HashMap<AddressKey, Nanos>,
    others: Option<Nanos>,
    max_addresses: usize,
}

impl StateStore for Buckets {
    type Key = AddressKey;

    fn measure_and_replace<T, F, E>(&self, address: &AddressKey, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut table = lock(&self.0);
        if let Some(state) = table.known.get_mut(address) {
            let (outcome, next) = decide(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        if table.known.len() < table.max_addresses {
            let (outcome, next) = decide(None)?;
            table.known.insert(*address, next);
            return Ok(outcome);
        }
        let (outcome, next) = decide(table.others)?;
        table.others = Some(next);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<AddressKey> for Buckets {
    fn retain_recent(&self, drop_below: Nanos) {
        lock(&self.0).known.retain(|_, state| *state > drop_below);
    }

    fn len(&self) -> usize {
        lock(&self.0).known.len()
    }

    fn is_empty(&self) -> bool {
        lock(&self.0).known.is_empty()
    }
}

/// Connections and pending handshakes of each address.
pub(crate) struct Occupancy {
    counts: Mutex<HashMap<AddressKey, usize>>,
    per_address: usize,
}

impl Occupancy {
    /// With the limit `connections_per_ip`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            counts: Mutex::default(),
            per_address: limits.connections_per_ip,
        }
    }

    /// One more connection of this address, until the permit is dropped. `None` when it has as many
    /// as it may.
    pub fn enter(self: &Arc<Self>, address: AddressKey) -> Option<AddressPermit> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        // The limit is at least 1, so a fresh entry never stays at 0.
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            occupancy: Arc::clone(self),
            address,
        })
    }

    fn leave(&self, address: AddressKey) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// One connection of an address. Dropping it makes room for another one.
pub(crate) struct AddressPermit {
    occupancy: Arc<Occupancy>,
    address: AddressKey,
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        self.occupancy.leave(self.address);
    }
}

/// Nothing here panics while it holds a lock, and every state in between is valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn key(address: &str) -> AddressKey {
        AddressKey::from(address.parse::<IpAddr>().unwrap())
    }

    fn throttle(
        per_minute: usize,
        addresses: usize,
    ) -> (HandshakeThrottle<FakeRelativeClock>, FakeRelativeClock) {
        let limits = Limits {
            handshakes_per_ip_per_minute: per_minute,
            tracked_addresses: addresses,
            ..Limits::default()
        };
        let clock = FakeRelativeClock::default();
        (HandshakeThrottle::with_clock(&limits, clock.clone()), clock)
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
        let (throttle, clock) = throttle(6, 10);
        let ann = key("192.0.2.1");
        for _ in 0..6 {
            assert_eq!(throttle.charge(ann), Ok(()));
        }
        let refusal = throttle.charge(ann).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::TooManyAttempts);
        assert_eq!(refusal.retry_delay(), Some(Duration::from_secs(10)));
        assert_eq!(throttle.charge(key("192.0.2.2")), Ok(()));

        clock.advance(Duration::from_secs(10));
        assert_eq!(throttle.charge(ann), Ok(()));
        assert!(throttle.charge(ann).is_err());
    }

    #[test]
    fn p09_past_the_table_all_others_share_one_bucket() {
        let (throttle, clock) = throttle(2, 3);
        for last in 1..=3 {
            assert_eq!(throttle.charge(key(&format!("192.0.2.{last}"))), Ok(()));
        }
        assert_eq!(throttle.charge(key("198.51.100.1")), Ok(()));
        assert_eq!(throttle.charge(key("198.51.100.2")), Ok(()));
        assert!(throttle.charge(key("198.51.100.3")).is_err());
        assert_eq!(
            throttle.charge(key("192.0.2.1")),
            Ok(()),
            "known ones go on"
        );
        assert_eq!(throttle.limiter.len(), 3);

        // Once the known ones have been idle they make room.
        clock.advance(Duration::from_secs(121));
        assert_eq!(throttle.charge(key("198.51.100.3")), Ok(()));
        assert_eq!(throttle.limiter.len(), 1);
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let limits = Limits {
            connections_per_ip: 2,
            ..Limits::default()
        };
        let occupancy = Arc::new(Occupancy::new(&limits));
        let ann = key("192.0.2.1");
        let first = occupancy.enter(ann).unwrap();
        let second = occupancy.enter(ann).unwrap();
        assert!(occupancy.enter(ann).is_none());
        assert!(occupancy.enter(key("192.0.2.2")).is_some());
        assert_eq!(second.address, ann);
        drop(first);
        let third = occupancy.enter(ann).unwrap();
        drop((second, third));
        assert!(lock(&occupancy.counts).is_empty(), "nothing is left behind");
    }
}
