//! What is remembered of users, connected or not.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;
use serde_json::Value;

use super::{
    options::ChatOptions,
    protocol::{Denied, ErrorCode},
};
use crate::UserId;

/// The first wait of somebody who is too fast; it doubles.
const FIRST_PENALTY: Duration = Duration::from_secs(1);

/// Where a mute holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MutedIn {
    /// In one room.
    Room(String),
    /// In all rooms, and for whispers.
    Everywhere,
}

/// Everything that the chat remembers of users. It survives that they leave, and ends with the app.
#[derive(Resource, Default)]
pub struct People {
    people: HashMap<UserId, Person>,
}

/// One user.
pub(super) struct Person {
    pub rank: u8,
    tokens: f64,
    filled_at: Instant,
    strikes: u32,
    penalty_until: Option<Instant>,
    answered: VecDeque<(String, Value)>,
    mutes: HashMap<MutedIn, Instant>,
    spoke_at: HashMap<Entity, Instant>,
    seen_at: Instant,
}

impl Person {
    fn new(options: &ChatOptions, now: Instant) -> Self {
        Self {
            rank: 0,
            tokens: options.burst as f64,
            filled_at: now,
            strikes: 0,
            penalty_until: None,
            answered: VecDeque::new(),
            mutes: HashMap::new(),
            spoke_at: HashMap::new(),
            seen_at: now,
        }
    }

    /// Takes one message's worth of patience. Whoever goes on regardless waits twice as long each time.
    pub fn may_speak(&mut self, options: &ChatOptions, now: Instant) -> Result<(), Denied> {
        let gained = now.duration_since(self.filled_at).as_secs_f64() * options.messages_per_second;
        self.tokens = (self.tokens + gained).min(options.burst as f64);
        self.filled_at = now;
        if let Some(until) = self.penalty_until {
            if now < until {
                return Err(self.punish(options, now));
            }
            if now > until + options.longest_penalty {
                (self.strikes, self.penalty_until) = (0, None);
            }
        }
        if self.tokens < 1.0 {
            return Err(self.punish(options, now));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    fn punish(&mut self, options: &ChatOptions, now: Instant) -> Denied {
        let missing = (1.0 - self.tokens).max(0.0) / options.messages_per_second;
        let doubled = FIRST_PENALTY.saturating_mul(1 << self.strikes.min(16));
        let wait = doubled
            .max(Duration::from_secs_f64(missing))
            .min(options.longest_penalty);
        self.strikes += 1;
        self.penalty_until = Some(now + wait);
        Denied::after(ErrorCode::RateLimited, wait)
    }

    /// The answer that the same id got before.
    pub fn answered(&self, id: &str) -> Option<&Value> {
        let mut answers = self.answered.iter().rev();
        answers.find(|(known, _)| known == id).map(|(_, answer)| answer)
    }

    pub fn remember(&mut self, id: &str, answer: &Value, most: usize) {
        while self.answered.len() >= most {
            self.answered.pop_front();
        }
        self.answered.push_back((id.to_owned(), answer.clone()));
    }

    /// Refuses whoever is muted there.
    pub fn check_mute(&mut self, room: Option<&str>, now: Instant) -> Result<(), Denied> {
        self.mutes.retain(|_, until| *until > now);
        let everywhere = self.mutes.get(&MutedIn::Everywhere);
        let here = room.and_then(|room| self.mutes.get(&MutedIn::Room(room.to_owned())));
        match everywhere.into_iter().chain(here).max() {
            Some(until) => Err(Denied::after(ErrorCode::Muted, *until - now)),
            None => Ok(()),
        }
    }

    /// Refuses whoever spoke in the room too short a time ago.
    pub fn check_slow_mode(
        &mut self,
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

    pub fn spoke(&mut self, room: Entity, now: Instant, most: usize) {
        if self.spoke_at.len() >= most {
            self.spoke_at.clear();
        }
        self.spoke_at.insert(room, now);
    }
}

impl People {
    /// Mutes a user until then; `None` as long as mutes last at most.
    pub(super) fn mute(&mut self, user: &UserId, place: MutedIn, until: Instant) -> bool {
        let person = self.people.get_mut(user);
        person.map(|person| person.mutes.insert(place, until)).is_some()
    }

    pub(super) fn unmute(&mut self, user: &UserId, place: &MutedIn) {
        if let Some(person) = self.people.get_mut(user) {
            person.mutes.remove(place);
        }
    }

    /// How long a user is muted, there or everywhere.
    pub fn muted_for(&self, user: &UserId, place: &MutedIn) -> Option<Duration> {
        let until = *self.people.get(user)?.mutes.get(place)?;
        until.checked_duration_since(Instant::now())
    }

    pub(super) fn get(&mut self, user: &UserId) -> Option<&mut Person> {
        self.people.get_mut(user)
    }

    /// What is known of a user, who has just done something. `None` when there is no room.
    pub(super) fn meet(
        &mut self,
        user: &UserId,
        options: &ChatOptions,
        is_connected: impl Fn(&UserId) -> bool,
    ) -> Option<&mut Person> {
        let now = Instant::now();
        if !self.people.contains_key(user) && self.people.len() >= options.remembered_users {
            self.forget_some(now, is_connected);
            if self.people.len() >= options.remembered_users {
                return None;
            }
        }
        let person = self
            .people
            .entry(user.clone())
            .or_insert_with(|| Person::new(options, now));
        person.seen_at = now;
        Some(person)
    }

    /// Forgets the half of those who may be forgotten that was silent longest.
    fn forget_some(&mut self, now: Instant, is_connected: impl Fn(&UserId) -> bool) {
        let idle = self.people.iter().filter(|(user, person)| {
            !is_connected(user) && person.mutes.values().all(|until| *until <= now)
        });
        let mut idle: Vec<_> = idle
            .map(|(user, person)| (person.seen_at, user.clone()))
            .collect();
        idle.sort_unstable();
        let count = idle.len().div_ceil(2);
        for (_, user) in idle.into_iter().take(count) {
            self.people.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn whoever_goes_on_regardless_waits_twice_as_long() {
        let options = ChatOptions::default();
        let start = Instant::now();
        let mut person = Person::new(&options, start);
        for _ in 0..options.burst {
            assert_eq!(person.may_speak(&options, start), Ok(()));
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(person.may_speak(&options, start).unwrap_err().retry.unwrap().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let later = start + Duration::from_secs(61);
        assert_eq!(person.may_speak(&options, later), Ok(()));
    }

    #[test]
    fn the_muted_and_the_connected_are_not_forgotten() {
        let mut options = ChatOptions::default();
        options.remembered_users = 3;
        let mut people = People::default();
        for name in ["muted", "connected", "gone"] {
            assert!(people.meet(&user(name), &options, |_| true).is_some());
        }
        let until = Instant::now() + Duration::from_secs(60);
        assert!(people.mute(&user("muted"), MutedIn::Everywhere, until));
        let is_connected = |id: &UserId| id.as_str() != "gone" && id.as_str() != "muted";
        assert!(people.meet(&user("new"), &options, is_connected).is_some());
        assert!(people.meet(&user("more"), &options, is_connected).is_none());
        assert!(people.get(&user("gone")).is_none());
        assert!(people.muted_for(&user("muted"), &MutedIn::Everywhere).is_some());
    }

    #[test]
    fn ids_are_remembered_up_to_a_number() {
        let options = ChatOptions::default();
        let mut person = Person::new(&options, Instant::now());
        for number in 0..5 {
            person.remember(&format!("c{number}"), &number.into(), 3);
        }
        assert_eq!(person.answered("c1"), None);
        assert_eq!(person.answered("c4"), Some(&4.into()));
    }
}
