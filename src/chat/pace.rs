//! How fast somebody may go.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;

use super::{
    error_code::{Denied, ErrorCode},
    options::ChatOptions,
};

/// The first wait of somebody who is too fast; it doubles.
const FIRST_PENALTY: Duration = Duration::from_secs(1);
/// Somebody is said to be writing at most once in this time.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// A number at once, and so many a second in the long run.
pub(super) struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    pub fn new(burst: usize, now: Instant) -> Self {
        Self {
            tokens: burst as f64,
            filled_at: now,
        }
    }

    /// Takes one, or says how long until there is one.
    pub fn take(&mut self, burst: usize, per_second: f64, now: Instant) -> Result<(), Duration> {
        let gained = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        self.tokens = (self.tokens + gained).min(burst as f64);
        self.filled_at = now;
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / per_second));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

/// How fast one user speaks.
pub(super) struct Pace {
    messages: Bucket,
    strikes: u32,
    penalty_until: Option<Instant>,
    spoke_at: HashMap<Entity, Instant>,
    typed_at: HashMap<Entity, Instant>,
}

impl Pace {
    pub fn new(options: &ChatOptions, now: Instant) -> Self {
        Self {
            messages: Bucket::new(options.burst, now),
            strikes: 0,
            penalty_until: None,
            spoke_at: HashMap::new(),
            typed_at: HashMap::new(),
        }
    }

    /// Takes one message's worth of patience. Whoever goes on regardless waits twice as long each time.
    pub fn may_speak(&mut self, options: &ChatOptions, now: Instant) -> Result<(), Denied> {
        if let Some(until) = self.penalty_until {
            if now < until {
                return Err(self.punish(options, Duration::ZERO, now));
            }
            if now > until + options.longest_penalty {
                (self.strikes, self.penalty_until) = (0, None);
            }
        }
        let taken = self
            .messages
            .take(options.burst, options.messages_per_second, now);
        taken.map_err(|missing| self.punish(options, missing, now))
    }

    fn punish(&mut self, options: &ChatOptions, missing: Duration, now: Instant) -> Denied {
        let doubled = FIRST_PENALTY.saturating_mul(1 << self.strikes.min(16));
        let wait = doubled.min(options.longest_penalty).max(missing);
        self.strikes += 1;
        self.penalty_until = Some(now + wait);
        Denied::after(ErrorCode::RateLimited, wait)
    }

    /// Refuses whoever spoke in the room too short a time ago.
    pub fn check_slow_mode(
        &self,
        room: Entity,
        pause: Duration,
        now: Instant,
    ) -> Result<(), Denied> {
        let spoke_at = self.spoke_at.get(&room);
        let left = spoke_at.and_then(|at| pause.checked_sub(now.duration_since(*at)));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(Denied::after(ErrorCode::SlowMode, left)),
            None => Ok(()),
        }
    }

    /// The user speaks in this room.
    pub fn spoke(&mut self, room: Entity, now: Instant, most: usize) {
        note(&mut self.spoke_at, room, now, most);
        self.typed_at.remove(&room);
    }

    /// Whether the room should hear that the user is writing.
    pub fn may_type(&mut self, room: Entity, now: Instant, most: usize) -> bool {
        let typed_at = self.typed_at.get(&room);
        if typed_at.is_some_and(|at| now.duration_since(*at) < TYPING_PAUSE) {
            return false;
        }
        note(&mut self.typed_at, room, now, most);
        true
    }
}

/// For as many rooms as one player may be in; of more, those are forgotten that are oldest.
fn note(times: &mut HashMap<Entity, Instant>, room: Entity, now: Instant, most: usize) {
    if times.len() >= most && !times.contains_key(&room) {
        let oldest = times.iter().min_by_key(|(_, at)| **at);
        if let Some(oldest) = oldest.map(|(room, _)| *room) {
            times.remove(&oldest);
        }
    }
    times.insert(room, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_goes_on_regardless_waits_twice_as_long() {
        let options = ChatOptions::default();
        let start = Instant::now();
        let mut pace = Pace::new(&options, start);
        for _ in 0..options.burst {
            assert_eq!(pace.may_speak(&options, start), Ok(()));
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let denied = pace.may_speak(&options, start).unwrap_err();
            waits.push(denied.retry.unwrap().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.may_speak(&options, later), Ok(()));
        let much_later = later + Duration::from_secs(61);
        for _ in 0..options.burst {
            assert_eq!(pace.may_speak(&options, much_later), Ok(()));
        }
        let denied = pace.may_speak(&options, much_later).unwrap_err();
        assert_eq!(denied.retry, Some(FIRST_PENALTY));
    }

    #[test]
    fn slow_mode_and_typing_count_for_each_room() {
        let room = |index| Entity::from_raw_u32(index).unwrap();
        let now = Instant::now();
        let mut pace = Pace::new(&ChatOptions::default(), now);
        let pause = Duration::from_secs(10);
        pace.spoke(room(1), now, 2);
        assert!(pace.check_slow_mode(room(1), pause, now).is_err());
        assert!(pace.check_slow_mode(room(1), pause, now + pause).is_ok());
        assert!(pace.check_slow_mode(room(2), pause, now).is_ok());
        assert!(pace.may_type(room(1), now, 2));
        assert!(!pace.may_type(room(1), now, 2));
        assert!(pace.may_type(room(2), now, 2));
        assert!(pace.may_type(room(3), now, 2));
        assert_eq!(pace.typed_at.len(), 2);
    }
}
