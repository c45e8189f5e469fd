//! What outlasts the server: messages and mutes.

#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod writer;

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use bevy_bouncer::UserId;
use bevy_ecs::prelude::*;
use thiserror::Error;

use crate::{
    model::{
        closed_rooms::ClosedRooms,
        history::{RoomHistory, StoredMessage},
        mutes::{MutedIn, StoredMute},
        room::Room,
        users::{Place, Users},
    },
    options::ChatOptions,
};

/// The archive failed; the words are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the chat's archive failed: {0}")]
pub struct ArchiveError(pub String);

/// What a [`ChatArchive`] returns.
pub type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArchiveError>> + Send + 'a>>;

/// Where messages and mutes outlive the process. Called beside the frame.
pub trait ChatArchive: Send + Sync + 'static {
    /// The mutes that hold, and the last messages of the rooms with the youngest messages: of at most
    /// `rooms`, at most `messages` each. What is older may be forgotten. Called once, before anybody comes in, in the
    /// runtime in which `store` is called as well.
    fn load(&self, rooms: usize, messages: usize) -> ArchiveFuture<'_, LoadedArchive>;
    /// Keeps what happened, all of it or nothing. After an error it is called again with the same.
    fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()>;
}

/// Something to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatRecord {
    /// Something was said.
    Said(StoredMessage),
    /// The words of the message with this id are gone.
    Deleted(Arc<str>),
    /// A user may not speak. It takes the place of the user's mute in the same room.
    Muted(StoredMute),
    /// A user may speak again in a room, or, without one, wherever no other mute holds.
    Unmuted(UserId, Option<String>),
}

/// What an archive gives back at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedArchive {
    /// Messages, those of one room in their order.
    pub messages: Vec<StoredMessage>,
    /// Mutes.
    pub mutes: Vec<StoredMute>,
}

impl LoadedArchive {
    /// Fills what the chat remembers, and the rooms that are open already.
    pub(crate) fn restore(self, world: &mut World, options: &ChatOptions) {
        world.resource_scope(|world, mut users: Mut<Users>| {
            world.resource_scope(|world, mut closed_rooms: Mut<ClosedRooms>| {
                self.fill(options, &mut users, &mut closed_rooms);
                let mut rooms = world.query::<(&Room, &mut RoomHistory)>();
                for (room, mut history) in rooms.iter_mut(world) {
                    closed_rooms.take(room.name(), &mut history);
                }
            });
        });
    }

    fn fill(self, options: &ChatOptions, users: &mut Users, closed_rooms: &mut ClosedRooms) {
        let nobody_is_connected = |_: &UserId| false;
        for mute in self.mutes {
            let place = Place::IfThereIsOne;
            let record = users.get_or_insert(&mute.user, options, nobody_is_connected, place);
            let Some(record) = record else {
                tracing::error!(user = %mute.user, "a mute is lost: chat.remembered_users is too low");
                continue;
            };
            record.update_from_remote(&mute.name, mute.rank);
            let place = MutedIn::new(mute.room.clone());
            record.mute(place, (&mute).into());
        }
        let mut rooms: HashMap<Arc<str>, Vec<StoredMessage>> = HashMap::new();
        for mut message in self.messages {
            // A room that was forgotten began anew; here its numbers go on.
            let messages = rooms.entry(message.room.clone()).or_default();
            let last = messages.last().map_or(0, |last: &StoredMessage| last.seq);
            message.seq = message.seq.max(last + 1);
            if let Some(user) = &message.user
                && let Some(record) =
                    users.get_or_insert(user, options, nobody_is_connected, Place::IfThereIsOne)
            {
                let mut ack = message.ack();
                ack.stored = Some(true);
                record.learn_from(&message, &ack, options.remembered_ids);
            }
            message.client_id = None;
            messages.push(message);
        }
        for (name, messages) in rooms {
            closed_rooms.put(
                &mut RoomHistory::restored(name, messages),
                options.closed_rooms,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_where_a_room_was_forgotten_meanwhile() {
        let author = UserId::new("ann").unwrap();
        let said = |(number, seq): (usize, u64)| StoredMessage {
            room: "a".into(),
            seq,
            mid: format!("m-{number}").into(),
            at: 0,
            user: Some(author.clone()),
            name: Some("Ann".into()),
            rank: 0,
            text: Some("hi".into()),
            client_id: Some(format!("c-{number}")),
        };
        let loaded = LoadedArchive {
            messages: [98, 100, 1, 2].into_iter().enumerate().map(said).collect(),
            mutes: Vec::new(),
        };
        let (mut users, mut closed_rooms) = (Users::default(), ClosedRooms::default());
        loaded.fill(&ChatOptions::default(), &mut users, &mut closed_rooms);
        let mut history = RoomHistory::default();
        closed_rooms.take("a", &mut history);
        let page = history.page(None, None, 10).messages;
        let numbers: Vec<_> = page.iter().map(|said| said.seq).collect();
        assert_eq!(numbers, [98, 100, 101, 102]);
        assert_eq!(history.last_seq(), 102);
        // The answer to the request that comes again has the same number.
        let answer = users
            .get(&author)
            .unwrap()
            .answers_given
            .find("c-3")
            .unwrap()
            .ack;
        assert_eq!(answer.seq, Some(102));
    }
}
