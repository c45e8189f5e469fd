//! What is remembered of users, connected or not.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bevy_bouncer::{User, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode};
use bevy_ecs::prelude::*;

use crate::{
    model::{
        answers_given::AnswersGiven,
        history::StoredMessage,
        mutes::{Mute, MutedIn},
        rate_limit::{SpeakingLimit, TokenBucket},
        role::rank_of,
    },
    options::ChatOptions,
    protocol::Denied,
};

/// How long nobody is looked for who may be forgotten, when there was nobody: a search looks at all records.
const SEARCH_PERIOD: Duration = Duration::from_secs(5);

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
    /// When those who may be forgotten were looked for last, and there were not enough.
    searched: Option<Instant>,
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
    /// What requests were answered.
    pub answers_given: AnswersGiven,
    mutes: HashMap<MutedIn, Mute>,
    seen_at: Instant,
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
            answers_given: AnswersGiven::default(),
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

    /// Takes what a message says of its author. The request that it came with gets the same answer again.
    pub fn learn_from(&mut self, message: &StoredMessage, ack: &Ack, remembered_ids: usize) {
        self.update_from_remote(
            message.name.as_deref().unwrap_or_default(),
            Some(message.rank),
        );
        if let Some(id) = &message.client_id {
            self.answers_given.remember(id, ack, None, remembered_ids);
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
            if self.searched.is_none_or(|at| at.elapsed() >= SEARCH_PERIOD) {
                self.forget_some(&is_connected);
                let has_room = self.records.len() < options.remembered_users;
                self.searched = (!has_room).then(Instant::now);
            }
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
    use crate::protocol::unix_milliseconds;

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
}
