//! What happens in the chat, carried out in one place: nothing can be changed here without being archived,
//! relayed and told.

use std::sync::Arc;

use bevy_bouncer::{User, UserId};
use bevy_bouncer_protocol::{Ack, ErrorCode, ServerMessage};
use bevy_ecs::prelude::*;

use crate::{
    archive::writer::ArchiveWriter,
    context::ChatContext,
    events::Spoken,
    model::{
        closed_rooms::ClosedRooms,
        history::{RoomHistory, StoredMessage},
        ids::IdGenerator,
        role::rank_of,
        room::{Room, RoomRule, RoomRules},
        users::{MutedIn, Place, StoredMute},
    },
    protocol::Denied,
    publish::{self, ChatEvent, Whisper},
    shared::{MuteDecision, SharedChat},
};

/// Where an event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Here: the other nodes are told.
    ThisNode,
    /// Elsewhere: all nodes know it.
    OtherNode,
}

/// Who says something in a room.
pub(crate) enum Author<'a> {
    /// A user, with the request's id.
    User(&'a User, Option<&'a str>),
    /// A character of the game.
    Character(String),
    Game,
}

/// What an event has changed.
struct Change {
    /// `None` for rules: members are told at the end of the tick, also when the game has changed them.
    told: Option<(Hearers, ServerMessage)>,
    ack: Ack,
}

/// Who is told.
enum Hearers {
    Room(Entity),
    User(UserId),
    Players(Vec<Entity>),
}

impl ChatContext<'_> {
    /// Carries out an event: changes what the chat knows, keeps it in the archive, relays it to the other nodes
    /// if it happened on this one, and tells the clients. Returns what a requester is told, or `None` when there
    /// was nothing to change.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn apply(&mut self, mut event: ChatEvent, origin: Origin) -> Result<Option<Ack>, Denied> {
        if origin == Origin::ThisNode {
            self.share_decision(&event)?;
        }
        let Some(change) = self.change(&mut event, origin)? else {
            return Ok(None);
        };
        if let Some(archive) = self.world.get_resource::<ArchiveWriter>()
            && let Some(record) = event.record()
        {
            archive.put(record);
        }
        if origin == Origin::ThisNode {
            self.relay(&event);
        }
        match change.told {
            Some((Hearers::Room(room), message)) => self.tell_room(room, &message),
            Some((Hearers::User(user), message)) => self.tell_user(&user, &message),
            Some((Hearers::Players(players), message)) => self.tell_players(players, &message),
            None => {}
        }
        Ok(Some(change.ack))
    }

    /// What a moderator decides is shared first: from above it may be decided otherwise.
    fn share_decision(&self, event: &ChatEvent) -> Result<(), Denied> {
        let shared = self.world.resource::<SharedChat>();
        match event {
            ChatEvent::Muted(mute, by) => {
                let wanted = MuteDecision::mute(mute, by.clone());
                shared.decide(&mute.user, mute.room.as_deref(), wanted)?;
            }
            ChatEvent::Unmuted {
                user,
                room,
                by,
                by_rank,
            } => {
                let wanted = MuteDecision::end(by.clone(), *by_rank);
                shared.decide(user, room.as_deref(), wanted)?;
            }
            ChatEvent::Rule { room, decision } => shared.set_rule(room, decision)?,
            ChatEvent::Said(_) | ChatEvent::Whispered(_) | ChatEvent::Deleted { .. } => {}
        }
        Ok(())
    }

    /// Tells the other nodes what has happened here.
    fn relay(&self, event: &ChatEvent) {
        match event {
            ChatEvent::Said(_) | ChatEvent::Whispered(_) => publish::publish(self.world, event),
            ChatEvent::Deleted { room, mid } => {
                let shared = self.world.resource::<SharedChat>();
                if let Err(code) = shared.delete(room, mid) {
                    let code = code.as_str();
                    tracing::error!(code, mid, "a deletion is not told to the other nodes");
                }
            }
            ChatEvent::Muted(..) | ChatEvent::Unmuted { .. } | ChatEvent::Rule { .. } => {}
        }
    }

    /// Says something in a room, whatever its rules are.
    ///
    /// # Errors
    /// When nobody can be in the room.
    pub fn say(&mut self, room: Entity, author: Author, text: String) -> Result<Ack, Denied> {
        let name = self.world.get::<Room>(room).map(Room::shared_name);
        let name = name.filter(|name| self.room_called(name) == Some(room));
        let (user, name_of_user, client_id) = match author {
            Author::User(user, id) => (Some(user), Some(user.name().into()), id),
            Author::Character(name) => (None, Some(name.into()), None),
            Author::Game => (None, None, None),
        };
        let message = StoredMessage {
            room: name.ok_or(ErrorCode::NotInRoom)?,
            seq: 0,
            mid: self.world.resource_mut::<IdGenerator>().next(),
            at: self.unix_now,
            user: user.map(|user| user.id().clone()),
            name: name_of_user,
            rank: user.map_or(0, rank_of),
            text: Some(text.clone()),
            client_id: client_id.map(str::to_owned),
        };
        let ack = self.apply(ChatEvent::Said(message), Origin::ThisNode)?;
        let ack = ack.ok_or(ErrorCode::NotInRoom)?;
        self.world.write_message(Spoken {
            room,
            seq: ack.seq.unwrap_or_default(),
            user: user.cloned(),
            text,
        });
        Ok(ack)
    }

    fn change(&mut self, event: &mut ChatEvent, origin: Origin) -> Result<Option<Change>, Denied> {
        Ok(match event {
            ChatEvent::Said(message) => {
                // Its deletion may have come first.
                if self.world.resource::<SharedChat>().is_deleted(&message.mid) {
                    message.text = None;
                }
                self.add_message(message, origin)
            }
            ChatEvent::Deleted { room, mid } => self.delete_message(room, mid),
            ChatEvent::Whispered(whisper) => Some(self.whisper(whisper, origin)),
            ChatEvent::Muted(mute, _) => self.mute(mute, origin)?,
            ChatEvent::Unmuted { user, room, .. } => self.unmute(user, room)?,
            ChatEvent::Rule { room, decision } => self.change_rule(room, decision.rule, origin),
        })
    }

    /// Gives a message its number in the room. Its author's next request with the same id gets the same answer, and
    /// what was said on another node counts for the author's pace on this one.
    fn add_message(&mut self, message: &mut StoredMessage, origin: Origin) -> Option<Change> {
        let room = self.room_called(&message.room)?;
        let most = self.options.history;
        let mut history = self.world.get_mut::<RoomHistory>(room)?;
        message.seq = history.count();
        let kept = StoredMessage {
            client_id: None,
            ..message.clone()
        };
        history.keep(kept, most);
        let (options, now) = (self.options.clone(), self.now);
        let pause = self.pause_in(room, message.rank);
        if let Some(user) = &message.user
            && let Ok(mut author) = self.record_by_id(user)
        {
            author.learn_from(message, options.remembered_ids);
            if origin == Origin::OtherNode {
                author.speaking.spoke_elsewhere(&options, now);
                author.speaking.record_message(room, pause, now);
            }
        }
        Some(Change {
            told: Some((Hearers::Room(room), ServerMessage::Message(message.shown()))),
            ack: message.ack(),
        })
    }

    fn delete_message(&mut self, room: &str, mid: &str) -> Option<Change> {
        let Some(entity) = self.room_called(room) else {
            let mut closed_rooms = self.world.resource_mut::<ClosedRooms>();
            closed_rooms.delete(room, mid)?;
            return Some(Change {
                told: None,
                ack: Ack::default(),
            });
        };
        let mut history = self.world.get_mut::<RoomHistory>(entity)?;
        let (seq, mid) = history.delete(mid)?;
        let room: Arc<str> = room.into();
        Some(Change {
            told: Some((
                Hearers::Room(entity),
                ServerMessage::Deleted { room, seq, mid },
            )),
            ack: Ack::default(),
        })
    }

    /// The sessions of the receiver and of the author on this node. The author may come to this node and send it
    /// again.
    fn whisper(&mut self, whisper: &Whisper, origin: Origin) -> Change {
        let mut hearers = self.players_of(&whisper.to);
        if let Some(author) = whisper.author() {
            let (options, now) = (self.options.clone(), self.now);
            if origin == Origin::OtherNode
                && let Ok(mut record) = self.record_by_id(&author)
            {
                record.speaking.spoke_elsewhere(&options, now);
            }
            hearers.extend(self.players_of(&author));
            self.remember_answer(&author, whisper.client_id.as_deref(), &whisper.ack());
            // A reader may want to moderate.
            if !hearers.is_empty()
                && let Ok(mut record) = self.record_by_id(&author)
            {
                record.update_from_remote(&whisper.from.name, Some(whisper.rank));
            }
        }
        let told = (!hearers.is_empty()).then(|| {
            let message = whisper.shown(self.name_of(&whisper.to));
            (Hearers::Players(hearers), message)
        });
        Change {
            told,
            ack: whisper.ack(),
        }
    }

    /// What another node has decided holds, also when much is remembered: shared state has a limit of its own.
    fn mute(&mut self, stored: &StoredMute, origin: Origin) -> Result<Option<Change>, Denied> {
        let left_ms = stored.until.saturating_sub(self.unix_now);
        if left_ms == 0 {
            return Ok(None);
        }
        let place = match origin {
            Origin::ThisNode => Place::IfThereIsOne,
            Origin::OtherNode => Place::Always,
        };
        let mut record = self.record_in(&stored.user, place)?;
        record.update_from_remote(&stored.name, stored.rank);
        record.mute(MutedIn::new(stored.room.clone()), stored.into());
        Ok(Some(Change {
            told: Some((
                Hearers::User(stored.user.clone()),
                ServerMessage::Muted {
                    room: stored.room.clone(),
                    left_ms,
                    reason: stored.reason.clone(),
                },
            )),
            ack: Ack {
                left_ms: Some(left_ms),
                ..Default::default()
            },
        }))
    }

    fn unmute(&mut self, user: &UserId, room: &Option<String>) -> Result<Option<Change>, Denied> {
        let was_muted = self.record_by_id(user)?.unmute(&MutedIn::new(room.clone()));
        Ok(was_muted.then(|| Change {
            told: Some((
                Hearers::User(user.clone()),
                ServerMessage::Unmuted { room: room.clone() },
            )),
            ack: Ack::default(),
        }))
    }

    fn change_rule(&mut self, room: &str, rule: RoomRule, origin: Origin) -> Option<Change> {
        let entity = self.room_called(room)?;
        let mut rules = self.world.get_mut::<RoomRules>(entity)?;
        let new = rules.changed(rule);
        if origin == Origin::ThisNode || *rules != new {
            *rules = new;
        }
        Some(Change {
            told: None,
            ack: Ack::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bevy_bouncer::Players;

    use super::*;
    use crate::{
        model::{
            room::{self, RoomIndex},
            room_lists::RoomLists,
            users::Users,
        },
        options::{ChatOptions, SharedOptions},
        shared::RuleDecision,
    };

    /// A world with the room "a".
    fn world() -> (World, Entity) {
        let mut world = World::new();
        world.insert_resource(SharedOptions(Arc::default()));
        world.insert_resource(IdGenerator::new().unwrap());
        world.init_resource::<ClosedRooms>();
        world.insert_resource(SharedChat::new(None, &ChatOptions::default()));
        world.init_resource::<Players>();
        world.init_resource::<RoomIndex>();
        world.init_resource::<RoomLists>();
        world.init_resource::<Users>();
        world.add_observer(room::open);
        let room = world.spawn(Room::open("a")).id();
        (world, room)
    }

    fn said(room: &str, id: &str) -> ChatEvent {
        ChatEvent::Said(StoredMessage {
            room: room.into(),
            seq: 0,
            mid: format!("m-{id}").into(),
            at: 0,
            user: UserId::new("ann").ok(),
            name: Some("Ann".into()),
            rank: 2,
            text: Some("hi".into()),
            client_id: Some(id.into()),
        })
    }

    fn mute(until: u64) -> ChatEvent {
        let mute = StoredMute {
            user: UserId::new("ann").unwrap(),
            name: "Ann".into(),
            rank: None,
            room: None,
            by_rank: 1,
            until,
            reason: None,
        };
        ChatEvent::Muted(mute, None)
    }

    #[test]
    fn what_another_node_says_gets_the_rooms_own_number_and_its_author_is_known() {
        let (mut world, room) = world();
        let mut context = ChatContext::new(&mut world);
        for (id, seq) in [("c1", 1), ("c2", 2)] {
            let ack = context.apply(said("a", id), Origin::OtherNode).unwrap();
            assert_eq!(ack.unwrap().seq, Some(seq));
        }
        assert_eq!(context.apply(said("b", "c3"), Origin::OtherNode), Ok(None));
        let ann = UserId::new("ann").unwrap();
        let record = context.world.resource::<Users>().get(&ann).unwrap();
        assert_eq!(record.name, "Ann");
        assert_eq!(record.answered("c2").unwrap().seq, Some(2));
        let history = context.world.get::<RoomHistory>(room).unwrap();
        assert_eq!(history.last_seq(), 2);
    }

    #[test]
    fn what_has_happened_already_is_no_event() {
        let (mut world, _) = world();
        let mut context = ChatContext::new(&mut world);
        let mut happens = |event| context.apply(event, Origin::OtherNode).unwrap().is_some();
        let delete = ChatEvent::Deleted {
            room: "a".into(),
            mid: "m-c1".into(),
        };
        let unmute = ChatEvent::Unmuted {
            user: UserId::new("ann").unwrap(),
            room: None,
            by: None,
            by_rank: 1,
        };
        assert!(!happens(delete.clone()));
        assert!(happens(said("a", "c1")));
        assert!(happens(delete.clone()));
        assert!(!happens(delete));
        assert!(!happens(mute(1)));
        assert!(!happens(unmute.clone()));
        assert!(happens(mute(u64::MAX)));
        assert!(happens(unmute.clone()));
        assert!(!happens(unmute));
    }

    #[test]
    fn a_rule_that_is_not_changed_stays_as_exact_as_the_game_has_set_it() {
        let (mut world, room) = world();
        let pause = Some(Duration::from_micros(1500));
        let rules = |world: &World| world.get::<RoomRules>(room).unwrap().clone();
        world.entity_mut(room).insert(RoomRules {
            slow_mode: pause,
            is_frozen: false,
        });
        let mut context = ChatContext::new(&mut world);
        let mut change = |rule| {
            let room = "a".to_owned();
            let decision = RuleDecision { rule, by_rank: 1 };
            let event = ChatEvent::Rule { room, decision };
            context.apply(event, Origin::ThisNode).unwrap();
            rules(context.world)
        };
        change(RoomRule::Slow(2));
        let frozen = change(RoomRule::Frozen(true));
        assert_eq!((frozen.slow_mode, frozen.is_frozen), (pause, true));
        let slower = change(RoomRule::Slow(3)).slow_mode;
        assert_eq!(slower, Some(Duration::from_millis(3)));
        assert_eq!(change(RoomRule::Slow(0)).slow_mode, None);
    }
}
