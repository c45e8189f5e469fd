//! How fast a user may go.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::prelude::*;

use crate::{options::ChatOptions, protocol::Denied};

/// The first wait of a user who is too fast; it doubles.
const FIRST_PENALTY: Duration = Duration::from_secs(1);
/// A room hears at most once in this time that a user is writing.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// Allows a number at once, and so many a second in the long run.
pub(crate) struct TokenBucket {
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
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
        if self.tokens >= least {
            return Ok(());
        }
        let missing = (least - self.tokens) / per_second;
        Err(Duration::from_secs_f64(missing))
    }
}

/// How fast one user speaks.
pub(crate) struct SpeakingLimit {
    messages: TokenBucket,
    strikes: u32,
    penalty_until: Option<Instant>,
    /// In rooms with slow mode: when, and until when that has to be remembered.
    spoke_at: HashMap<Entity, (Instant, Instant)>,
    typed_at: HashMap<Entity, Instant>,
}

impl SpeakingLimit {
    pub fn new(options: &ChatOptions, now: Instant) -> Self {
        Self {
            messages: TokenBucket::new(options.burst, now),
            strikes: 0,
            penalty_until: None,
            spoke_at: HashMap::new(),
            typed_at: HashMap::new(),
        }
    }

    /// Counts one message. A user who goes on although it was refused waits twice as long each time.
    pub fn check_rate(&mut self, options: &ChatOptions, now: Instant) -> Result<(), Denied> {
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

    /// Counts one message that another node has let through. Nobody is punished for it.
    pub fn spoke_elsewhere(&mut self, options: &ChatOptions, now: Instant) {
        let _ = self
            .messages
            .take(options.burst, options.messages_per_second, now);
    }

    fn punish(&mut self, options: &ChatOptions, missing: Duration, now: Instant) -> Denied {
        let doubled = FIRST_PENALTY.saturating_mul(1 << self.strikes.min(16));
        let wait = doubled.min(options.longest_penalty).max(missing);
        self.strikes += 1;
        self.penalty_until = Some(now + wait);
        Denied::after(ErrorCode::RateLimited, wait)
    }

    /// Refuses a user who spoke in the room too short a time ago, or in too many others with slow mode.
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

    /// Notes that the user speaks in this room, which may have slow mode.
    pub fn record_message(&mut self, room: Entity, pause: Option<Duration>, now: Instant) {
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

/// Notes it for at most so many rooms; of more, the oldest is forgotten.
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
    fn a_user_who_goes_on_regardless_waits_twice_as_long() {
        let options = ChatOptions::default();
        let start = Instant::now();
        let mut limit = SpeakingLimit::new(&options, start);
        for _ in 0..options.burst {
            assert_eq!(limit.check_rate(&options, start), Ok(()));
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let denied = limit.check_rate(&options, start).unwrap_err();
            waits.push(denied.retry.unwrap().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.check_rate(&options, later), Ok(()));
        let much_later = later + Duration::from_secs(61);
        for _ in 0..options.burst {
            assert_eq!(limit.check_rate(&options, much_later), Ok(()));
        }
        let denied = limit.check_rate(&options, much_later).unwrap_err();
        assert_eq!(denied.retry, Some(FIRST_PENALTY));
    }

    #[test]
    fn slow_mode_and_typing_count_for_each_room() {
        let room = |index| Entity::from_raw_u32(index).unwrap();
        let now = Instant::now();
        let mut limit = SpeakingLimit::new(&ChatOptions::default(), now);
        let pause = Duration::from_secs(10);
        let is_free = |limit: &mut SpeakingLimit, index, now| {
            limit.check_slow_mode(room(index), pause, 2, now).is_ok()
        };
        limit.record_message(room(1), Some(pause), now);
        assert!(!is_free(&mut limit, 1, now));
        assert!(is_free(&mut limit, 2, now));
        limit.record_message(room(2), Some(pause), now + Duration::from_secs(1));
        limit.record_message(room(3), None, now);
        // Nobody is forgotten to make room for another one.
        assert!(!is_free(&mut limit, 3, now));
        assert!(is_free(&mut limit, 1, now + pause));
        assert!(is_free(&mut limit, 3, now + pause));
        assert!(!is_free(&mut limit, 2, now + pause));
        assert!(limit.may_type(room(1), now, 2));
        assert!(!limit.may_type(room(1), now, 2));
        assert!(limit.may_type(room(2), now, 2));
        assert!(limit.may_type(room(3), now, 2));
        assert_eq!(limit.typed_at.len(), 2);
    }
}
