//! How often an address or a user may ask the log-in service.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bevy_bouncer::UserId;

use crate::{answer::Problem, rate_limit::RateLimit};

/// Addresses, and users, that are counted at the same time.
const COUNTED: usize = 10_000;

/// Counts requests.
pub struct Throttle {
    /// Sign-ups and log-ins: somebody may be trying out names or passwords.
    attempts: Mutex<RateLimit<IpAddr>>,
    /// Requests with a token. Several players may share an address,
    tokens: Mutex<RateLimit<IpAddr>>,
    /// and each has a few pages.
    users: Mutex<RateLimit<UserId>>,
}

impl Throttle {
    /// Nobody has asked anything yet.
    pub fn new() -> Self {
        let seconds = Duration::from_secs;
        Self {
            attempts: Mutex::new(RateLimit::new(10, seconds(6), COUNTED)),
            tokens: Mutex::new(RateLimit::new(60, seconds(1), COUNTED)),
            users: Mutex::new(RateLimit::new(20, seconds(3), COUNTED)),
        }
    }

    /// Counts a sign-up or a log-in.
    pub fn attempt(&self, address: IpAddr) -> Result<(), Problem> {
        count(&self.attempts, address)
    }

    /// Counts a request with a token, before it is looked at.
    pub fn token(&self, address: IpAddr) -> Result<(), Problem> {
        count(&self.tokens, address)
    }

    /// Counts a request of this user.
    pub fn user(&self, user: &UserId) -> Result<(), Problem> {
        count(&self.users, user.clone())
    }
}

fn count<K: Eq + Hash>(limit: &Mutex<RateLimit<K>>, key: K) -> Result<(), Problem> {
    let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
    limit
        .try_at(key, Instant::now())
        .map_err(Problem::too_many_attempts)
}
