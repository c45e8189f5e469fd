//! What is remembered of users, connected or not.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_bouncer::{User, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::prelude::*;
use bevy_reflect::Reflect;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        history::StoredMessage,
        rate_limit::{SpeakingLimit, TokenBucket},
        role::rank_of,
    },
    options::ChatOptions,
    protocol::{Denied, unix_milliseconds},
};

/// Where a mute holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Clone, PartialEq, Hash)]
pub enum MutedIn {
    /// In the room of this name.
    Room(String),
    /// In all rooms, and for whispers.
    Everywhere,
}

impl MutedIn {
    pub(crate) fn new(room: Option<String>) -> Self {
        room.map_or(Self::Everywhere, Self::Room)
    }

    pub(crate) fn room(&self) -> Option<&str> {
        match self {
            Self::Room(room) => Some(room),
            Self::Everywhere => None,
        }
    }
}

/// A mute of a user, with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMute {
    /// Who may not speak.
    pub user: UserId,
    /// What they are called, as far as that is known.
    pub name: String,
    /// What they are, like [`StoredMessage::rank`](crate::StoredMessage::rank), as far as that is known.
    pub rank: Option<u8>,
    /// The room's name; `None` everywhere.
    pub room: Option<String>,
    /// The moderator's rank.
    pub by_rank: u8,
    /// Until then, in unix milliseconds.
    pub until: u64,
    /// The moderator's reason.
    pub reason: Option<String>,
}

/// A mute of a user in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    /// Until then, in unix milliseconds, so that it lasts over a restart.
    pub until: u64,
    pub reason: Option<String>,
    /// The moderator's.
    pub by_rank: u8,
}

impl From<&StoredMute> for Mute {
    fn from(stored: &StoredMute) -> Self {
        Self {
            until: stored.until,
            reason: stored.reason.clone(),
            by_rank: stored.by_rank,
        }
    }
}

impl Mute {
    pub fn left(&self) -> Option<Duration> {
        let left = self.until.checked_sub(unix_milliseconds());
        left.filter(|left| *left > 0).map(Duration::from_millis)
    }
}

/// Whether there has to be a record of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// When there are not too many.
    IfThereIsOne,
    /// However many there are.
    Always,
}

/// Everything that the chat remembers of users, connected or not.
#[derive(Resource, Default)]
pub struct Users {
    records: HashMap<UserId, UserRecord>,
}

/// What is remembered of one user.
pub(crate) struct UserRecord {
    pub name: String,
    /// As it was when the user was last heard of; `None` when that is not known.
    pub rank: Option<u8>,
    pub speaking: SpeakingLimit,
    /// For requests other than messages.
    pub requests: TokenBucket,
    /// For the bytes of the answers.
    pub answers: TokenBucket,
    answered: VecDeque<Answered>,
    mutes: HashMap<MutedIn, Mute>,
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

impl UserRecord {
    fn new(options: &ChatOptions) -> Self {
        let now = Instant::now();
        Self {
            name: String::new(),
            rank: None,
            speaking: SpeakingLimit::new(options, now),
            requests: TokenBucket::new(options.requests_burst, now),
            answers: TokenBucket::new(options.answer_bytes, now),
            answered: VecDeque::new(),
            mutes: HashMap::new(),
            seen_at: now,
        }
    }

    /// Takes name and rank of the user as they are now.
    pub fn update(&mut self, user: &User) {
        self.rank = Some(rank_of(user));
        if self.name != user.name() {
            user.name().clone_into(&mut self.name);
        }
    }

    /// Takes what another node or the archive knows of the user.
    pub fn update_from_remote(&mut self, name: &str, rank: Option<u8>) {
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

    /// Takes what a message says of its author. The request that it came with gets the same answer again.
    pub fn learn_from(&mut self, message: &StoredMessage, remembered_ids: usize) {
        self.update_from_remote(
            message.name.as_deref().unwrap_or_default(),
            Some(message.rank),
        );
        if let Some(id) = &message.client_id {
            self.remember(&message.ack(), id, remembered_ids);
        }
    }

    pub fn mute(&mut self, place: MutedIn, mute: Mute) {
        self.mutes.retain(|_, mute| mute.left().is_some());
        self.mutes.insert(place, mute);
    }

    /// Whether a mute holds there that a moderator above this rank decided on.
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

    /// Refuses a user who is muted in the room, or everywhere.
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

impl Users {
    /// How long a user may not speak, there or everywhere.
    pub fn muted_for(&self, user: &UserId, place: &MutedIn) -> Option<Duration> {
        self.records.get(user)?.mutes.get(place)?.left()
    }

    pub(crate) fn get(&self, user: &UserId) -> Option<&UserRecord> {
        self.records.get(user)
    }

    pub(crate) fn get_mut(&mut self, user: &UserId) -> Option<&mut UserRecord> {
        self.records.get_mut(user)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&UserId, &UserRecord)> {
        self.records.iter()
    }

    /// What is remembered of a user, from now on if nothing was before. `None` when there are records of too many
    /// users. Some always have one, of which there is a limit elsewhere: the connected, and those whom another node has
    /// muted.
    pub(crate) fn get_or_insert(
        &mut self,
        user: &UserId,
        options: &ChatOptions,
        is_connected: impl Fn(&UserId) -> bool,
        place: Place,
    ) -> Option<&mut UserRecord> {
        if !self.records.contains_key(user) && self.records.len() >= options.remembered_users {
            self.forget_some(&is_connected);
            let is_full = self.records.len() >= options.remembered_users;
            if is_full && place == Place::IfThereIsOne && !is_connected(user) {
                return None;
            }
        }
        let record = self.records.entry(user.clone());
        let record = record.or_insert_with(|| UserRecord::new(options));
        record.seen_at = Instant::now();
        Some(record)
    }

    /// Forgets the half of those who may be forgotten that was silent longest.
    fn forget_some(&mut self, is_connected: impl Fn(&UserId) -> bool) {
        let idle = self
            .records
            .iter()
            .filter(|(user, record)| !is_connected(user) && record.mutes().next().is_none());
        let mut idle: Vec<_> = idle
            .map(|(user, record)| (record.seen_at, user.clone()))
            .collect();
        idle.sort_unstable();
        let count = idle.len().div_ceil(2);
        for (_, user) in idle.into_iter().take(count) {
            self.records.remove(&user);
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
        let mut users = Users::default();
        for name in ["muted", "connected", "gone"] {
            assert!(
                users
                    .get_or_insert(&user(name), &options, |_| true, Place::IfThereIsOne)
                    .is_some()
            );
        }
        let muted = users.get_mut(&user("muted")).unwrap();
        muted.mute(MutedIn::Everywhere, mute(60));
        let is_connected = |id: &UserId| id.as_str().contains("connected");
        let mut has_record = |name| {
            users
                .get_or_insert(&user(name), &options, is_connected, Place::IfThereIsOne)
                .is_some()
        };
        assert!(has_record("also connected"));
        assert!(!has_record("not here"));
        assert!(has_record("connected as well"));
        assert!(users.get(&user("gone")).is_none());
        let left = users.muted_for(&user("muted"), &MutedIn::Everywhere);
        assert!(left.is_some());
    }

    #[test]
    fn a_mute_holds_in_its_room_or_everywhere_and_the_longest_counts() {
        let mut record = UserRecord::new(&ChatOptions::default());
        record.mute(MutedIn::Room("a".into()), mute(100));
        record.mute(MutedIn::Room("over".into()), mute(0));
        assert!(record.check_mute(Some("a")).is_err());
        assert_eq!(record.check_mute(Some("b")), Ok(()));
        assert_eq!(record.check_mute(Some("over")), Ok(()));
        assert_eq!(record.check_mute(None), Ok(()));
        record.mute(MutedIn::Everywhere, mute(50));
        assert!(record.check_mute(None).is_err());
        let longest = record.check_mute(Some("a")).unwrap_err().retry.unwrap();
        assert!(longest > Duration::from_secs(90));
        assert!(record.unmute(&MutedIn::Everywhere));
        assert!(!record.unmute(&MutedIn::Everywhere));
    }

    #[test]
    fn ids_are_remembered_up_to_a_number() {
        let mut record = UserRecord::new(&ChatOptions::default());
        for number in 0..5 {
            let ack = Ack {
                seq: Some(number),
                ..Default::default()
            };
            record.remember(&ack, &format!("c{number}"), 3);
        }
        assert!(record.answered("c1").is_none());
        assert_eq!(record.answered("c4").unwrap().seq, Some(4));
    }
}
