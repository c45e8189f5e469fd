//! What is remembered of users, connected or not.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;

use super::{
    error_code::{Denied, ErrorCode},
    options::ChatOptions,
    pace::{Bucket, Pace},
    rank::rank_of,
    told::{Ack, unix_milliseconds},
};
use bevy_bouncer::{User, UserId};

/// Within this time, [`ChatOptions::errors`] are too many.
const ERRORS_WITHIN: Duration = Duration::from_secs(5);

/// Where a mute holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MutedIn {
    /// In the room of this name.
    Room(String),
    /// In all rooms, and for whispers.
    Everywhere,
}

impl MutedIn {
    pub(super) fn new(room: Option<String>) -> Self {
        room.map_or(Self::Everywhere, Self::Room)
    }

    pub(super) fn room(&self) -> Option<&str> {
        match self {
            Self::Room(room) => Some(room),
            Self::Everywhere => None,
        }
    }
}

/// Somebody may not speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mute {
    /// Until then, in unix milliseconds, so that it lasts over a restart.
    pub until: u64,
    pub reason: Option<String>,
    /// The moderator's.
    pub by_rank: u8,
}

impl Mute {
    pub fn left(&self) -> Option<Duration> {
        let left = self.until.checked_sub(unix_milliseconds());
        left.filter(|left| *left > 0).map(Duration::from_millis)
    }
}

/// Everything that the chat remembers of users: it survives that they leave.
#[derive(Resource, Default)]
pub struct People {
    people: HashMap<UserId, Person>,
}

/// One user.
pub(super) struct Person {
    pub name: String,
    /// As it was when the user was last heard of; `None` when that is not known.
    pub rank: Option<u8>,
    pub pace: Pace,
    /// For what is no message.
    pub requests: Bucket,
    /// The bytes of the answers.
    pub answers: Bucket,
    answered: VecDeque<Answered>,
    mutes: HashMap<MutedIn, Mute>,
    errors: VecDeque<Instant>,
    seen_at: Instant,
}

/// A message that was acknowledged: small, because there are many.
struct Answered {
    id: Box<str>,
    room: Option<Arc<str>>,
    seq: Option<u64>,
    mid: Option<Arc<str>>,
    ts: Option<u64>,
}

impl Person {
    fn new(options: &ChatOptions) -> Self {
        let now = Instant::now();
        Self {
            name: String::new(),
            rank: None,
            pace: Pace::new(options, now),
            requests: Bucket::new(options.requests_burst, now),
            answers: Bucket::new(options.answer_bytes, now),
            answered: VecDeque::new(),
            mutes: HashMap::new(),
            errors: VecDeque::new(),
            seen_at: now,
        }
    }

    /// As the user is now.
    pub fn update(&mut self, user: &User) {
        self.rank = Some(rank_of(user));
        if self.name != user.name() {
            user.name().clone_into(&mut self.name);
        }
    }

    /// As the user was, for those who were never seen here.
    pub fn hear_of(&mut self, name: &str, rank: Option<u8>) {
        self.rank = rank.or(self.rank);
        if !name.is_empty() && self.name != name {
            name.clone_into(&mut self.name);
        }
    }

    /// The answer that the same id got before.
    pub fn answered(&self, id: &str) -> Option<Ack> {
        let known = self.answered.iter().rev().find(|known| &*known.id == id)?;
        Some(Ack {
            re: id.to_owned(),
            room: known.room.clone(),
            seq: known.seq,
            mid: known.mid.clone(),
            ts: known.ts,
            ..Default::default()
        })
    }

    /// The same id gets this answer from now on.
    pub fn remember(&mut self, ack: &Ack, id: &str, most: usize) {
        while self.answered.len() >= most {
            self.answered.pop_front();
        }
        self.answered.push_back(Answered {
            id: id.into(),
            room: ack.room.clone(),
            seq: ack.seq,
            mid: ack.mid.clone(),
            ts: ack.ts,
        });
    }

    /// Counts an error. Whether there were too many.
    pub fn err(&mut self, options: &ChatOptions, now: Instant) -> bool {
        while self
            .errors
            .front()
            .is_some_and(|at| now.duration_since(*at) > ERRORS_WITHIN)
        {
            self.errors.pop_front();
        }
        self.errors.push_back(now);
        let too_many = self.errors.len() >= options.errors;
        if too_many {
            self.errors.clear();
        }
        too_many
    }

    pub fn mute(&mut self, place: MutedIn, mute: Mute) {
        self.mutes.retain(|_, mute| mute.left().is_some());
        self.mutes.insert(place, mute);
    }

    /// Whether a mute holds there that somebody above this rank decided on.
    pub fn is_muted_from_above(&self, place: &MutedIn, rank: u8) -> bool {
        let mute = self.mutes.get(place);
        mute.is_some_and(|mute| mute.by_rank > rank && mute.left().is_some())
    }

    pub fn unmute(&mut self, place: &MutedIn) -> bool {
        let mute = self.mutes.remove(place);
        mute.is_some_and(|mute| mute.left().is_some())
    }

    /// The mutes that hold now.
    pub fn mutes(&self) -> impl Iterator<Item = (&MutedIn, &Mute, Duration)> {
        let mutes = self.mutes.iter();
        mutes.filter_map(|(place, mute)| Some((place, mute, mute.left()?)))
    }

    /// Refuses whoever is muted in the room, or everywhere.
    pub fn check_mute(&self, room: Option<&str>) -> Result<(), Denied> {
        let here = self
            .mutes()
            .filter(|(place, ..)| place.room().is_none() || place.room() == room);
        match here.map(|(.., left)| left).max() {
            Some(left) => Err(Denied::after(ErrorCode::Muted, left)),
            None => Ok(()),
        }
    }
}

impl People {
    /// How long a user may not speak, there or everywhere.
    pub fn muted_for(&self, user: &UserId, place: &MutedIn) -> Option<Duration> {
        self.people.get(user)?.mutes.get(place)?.left()
    }

    pub(super) fn get(&self, user: &UserId) -> Option<&Person> {
        self.people.get(user)
    }

    pub(super) fn get_mut(&mut self, user: &UserId) -> Option<&mut Person> {
        self.people.get_mut(user)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&UserId, &Person)> {
        self.people.iter()
    }

    /// What is known of a user, of whom there is something to remember. `None` when there is no room. Whoever is
    /// connected has room: there is a limit for connections.
    pub(super) fn meet(
        &mut self,
        user: &UserId,
        options: &ChatOptions,
        is_connected: impl Fn(&UserId) -> bool,
    ) -> Option<&mut Person> {
        if !self.people.contains_key(user) && self.people.len() >= options.remembered_users {
            self.forget_some(&is_connected);
            if self.people.len() >= options.remembered_users && !is_connected(user) {
                return None;
            }
        }
        let person = self.people.entry(user.clone());
        let person = person.or_insert_with(|| Person::new(options));
        person.seen_at = Instant::now();
        Some(person)
    }

    /// Forgets the half of those who may be forgotten that was silent longest.
    fn forget_some(&mut self, is_connected: impl Fn(&UserId) -> bool) {
        let idle = self
            .people
            .iter()
            .filter(|(user, person)| !is_connected(user) && person.mutes().next().is_none());
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

    fn mute(seconds: u64) -> Mute {
        Mute {
            until: unix_milliseconds() + seconds * 1000,
            reason: None,
            by_rank: 1,
        }
    }

    #[test]
    fn the_muted_and_the_connected_are_not_forgotten() {
        let options = ChatOptions {
            remembered_users: 3,
            ..Default::default()
        };
        let mut people = People::default();
        for name in ["muted", "connected", "gone"] {
            assert!(people.meet(&user(name), &options, |_| true).is_some());
        }
        let muted = people.get_mut(&user("muted")).unwrap();
        muted.mute(MutedIn::Everywhere, mute(60));
        let is_connected = |id: &UserId| id.as_str().contains("connected");
        let mut is_met = |name| people.meet(&user(name), &options, is_connected).is_some();
        assert!(is_met("also connected"));
        assert!(!is_met("not here"));
        assert!(is_met("connected as well"));
        assert!(people.get(&user("gone")).is_none());
        let left = people.muted_for(&user("muted"), &MutedIn::Everywhere);
        assert!(left.is_some());
    }

    #[test]
    fn a_mute_holds_in_its_room_or_everywhere_and_the_longest_counts() {
        let mut person = Person::new(&ChatOptions::default());
        person.mute(MutedIn::Room("a".into()), mute(100));
        person.mute(MutedIn::Room("over".into()), mute(0));
        assert!(person.check_mute(Some("a")).is_err());
        assert_eq!(person.check_mute(Some("b")), Ok(()));
        assert_eq!(person.check_mute(Some("over")), Ok(()));
        assert_eq!(person.check_mute(None), Ok(()));
        person.mute(MutedIn::Everywhere, mute(50));
        assert!(person.check_mute(None).is_err());
        let longest = person.check_mute(Some("a")).unwrap_err().retry.unwrap();
        assert!(longest > Duration::from_secs(90));
        assert!(person.unmute(&MutedIn::Everywhere));
        assert!(!person.unmute(&MutedIn::Everywhere));
    }

    #[test]
    fn ids_are_remembered_up_to_a_number() {
        let mut person = Person::new(&ChatOptions::default());
        for number in 0..5 {
            let ack = Ack {
                seq: Some(number),
                ..Default::default()
            };
            person.remember(&ack, &format!("c{number}"), 3);
        }
        assert!(person.answered("c1").is_none());
        assert_eq!(person.answered("c4").unwrap().seq, Some(4));
    }

    #[test]
    fn errors_count_within_five_seconds() {
        let options = ChatOptions::default();
        let mut person = Person::new(&options);
        let start = Instant::now();
        for _ in 1..options.errors {
            assert!(!person.err(&options, start));
        }
        let later = start + Duration::from_secs(6);
        assert!(!person.err(&options, later));
        for _ in 2..options.errors {
            assert!(!person.err(&options, later));
        }
        assert!(person.err(&options, later));
    }
}
