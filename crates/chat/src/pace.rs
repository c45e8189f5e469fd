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
        self.fill(burst, per_second, now);
        self.least(1.0, per_second)?;
        self.tokens -= 1.0;
        Ok(())
    }

    /// Whether nothing is owed by now, or how long until then.
    pub fn settle(&mut self, burst: usize, per_second: f64, now: Instant) -> Result<(), Duration> {
        self.fill(burst, per_second, now);
        self.least(0.0, per_second)
    }

    /// Takes so many, owed if need be.
    pub fn spend(&mut self, count: usize) {
        self.tokens -= count as f64;
    }

    fn fill(&mut self, burst: usize, per_second: f64, now: Instant) {
        let gained = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        self.tokens = (self.tokens + gained).min(burst as f64);
        self.filled_at = now;
    }

    fn least(&self, least: f64, per_second: f64) -> Result<(), Duration> {
        match self.tokens >= least {
            true => Ok(()),
            false => Err(Duration::from_secs_f64((least - self.tokens) / per_second)),
        }
    }
}

/// How fast one user speaks.
pub(super) struct Pace {
    messages: Bucket,
    strikes: u32,
    penalty_until: Option<Instant>,
    /// In rooms with slow mode: when, and until when that has to be remembered.
    spoke_at: HashMap<Entity, (Instant, Instant)>,
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

    /// Refuses whoever spoke in the room too short a time ago, or in too many others with slow mode.
    pub fn check_slow_mode(
        &mut self,
        room: Entity,
        pause: Duration,
        most: usize,
        now: Instant,
    ) -> Result<(), Denied> {
        self.spoke_at.retain(|_, (_, until)| *until > now);
        let free_at = match self.spoke_at.get(&room) {
            Some((at, _)) => Some(*at + pause),
            None if self.spoke_at.len() < most => None,
            None => self.spoke_at.values().map(|(_, until)| *until).min(),
        };
        match free_at.filter(|free_at| *free_at > now) {
            Some(free_at) => Err(Denied::after(ErrorCode::SlowMode, free_at - now)),
            None => Ok(()),
        }
    }

    /// The user speaks in this room, which may have slow mode.
    pub fn spoke(&mut self, room: Entity, pause: Option<Duration>, now: Instant) {
        if let Some(pause) = pause {
            self.spoke_at.insert(room, (now, now + pause));
        }
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
        let is_free =
            |pace: &mut Pace, index, now| pace.check_slow_mode(room(index), pause, 2, now).is_ok();
        pace.spoke(room(1), Some(pause), now);
        assert!(!is_free(&mut pace, 1, now));
        assert!(is_free(&mut pace, 2, now));
        pace.spoke(room(2), Some(pause), now + Duration::from_secs(1));
        pace.spoke(room(3), None, now);
        // Nobody is forgotten to make room for another one.
        assert!(!is_free(&mut pace, 3, now));
        assert!(is_free(&mut pace, 1, now + pause));
        assert!(is_free(&mut pace, 3, now + pause));
        assert!(!is_free(&mut pace, 2, now + pause));
        assert!(pace.may_type(room(1), now, 2));
        assert!(!pace.may_type(room(1), now, 2));
        assert!(pace.may_type(room(2), now, 2));
        assert!(pace.may_type(room(3), now, 2));
        assert_eq!(pace.typed_at.len(), 2);
    }
}
