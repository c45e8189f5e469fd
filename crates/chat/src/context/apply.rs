//! What happens in the chat, carried out in one place: nothing can be changed here without being archived,
//! relayed and told.

use bevy_bouncer_protocol::Ack;

use crate::{
    archive::writer::ArchiveWriter,
    context::{
        ChatContext,
        change::{Hearers, Origin},
    },
    model::history::StoredMessage,
    protocol::Denied,
    publish::{self, ChatEvent},
    shared::{SharedChat, mutes::MuteDecision},
};

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
        let Some(mut change) = self.change(&mut event, origin)? else {
            return Ok(None);
        };
        let will_be_stored = self.archive(&event);
        if let ChatEvent::Said(message) = &event {
            change.ack.stored = will_be_stored.then_some(false);
            self.learn_from(message, &change.ack, origin);
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

    /// Hands it to the archive. Returns whether it will be stored.
    fn archive(&self, event: &ChatEvent) -> bool {
        let archive = self.world.get_resource::<ArchiveWriter>();
        let record = archive.and_then(|_| event.record());
        archive
            .zip(record)
            .is_some_and(|(archive, record)| archive.put(record))
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
            ChatEvent::Rule(room, decision) => shared.decide_rule(room, decision)?,
            ChatEvent::Said(_)
            | ChatEvent::Whispered(_)
            | ChatEvent::Deleted { .. }
            | ChatEvent::Handled(_)
            | ChatEvent::Noticed(_) => {}
        }
        Ok(())
    }

    /// Tells the other nodes what has happened here.
    fn relay(&self, event: &ChatEvent) {
        match event {
            ChatEvent::Said(_)
            | ChatEvent::Whispered(_)
            | ChatEvent::Handled(_)
            | ChatEvent::Noticed(_) => publish::publish(self.world, event),
            ChatEvent::Deleted { room, mid } => {
                let shared = self.world.resource::<SharedChat>();
                if let Err(code) = shared.delete(room, mid) {
                    let code = code.as_str();
                    tracing::error!(code, mid, "a deletion is not told to the other nodes");
                }
            }
            ChatEvent::Muted(..) | ChatEvent::Unmuted { .. } | ChatEvent::Rule(..) => {}
        }
    }

    /// The author's next request with the same id gets the same answer, and what was said on another node counts for the
    /// author's pace on this one.
    fn learn_from(&mut self, message: &StoredMessage, ack: &Ack, origin: Origin) {
        let (options, now) = (self.options.clone(), self.now);
        let room = self.room_called(&message.room);
        let room = room.map(|room| (room, self.pause_in(room, message.rank)));
        let Some(Ok(mut author)) = message.user.as_ref().map(|user| self.record_by_id(user)) else {
            return;
        };
        author.learn_from(message, ack, options.remembered_ids);
        if let Some((room, pause)) = room.filter(|_| origin == Origin::OtherNode) {
            author.speaking.spoke_elsewhere(&options, now);
            author.speaking.record_message(room, pause, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bevy_bouncer::{Players, UserId};
    use bevy_ecs::prelude::*;

    use super::*;
    use crate::{
        context::queue::MessageQueue,
        model::{
            closed_rooms::ClosedRooms,
            history::RoomHistory,
            ids::IdGenerator,
            mutes::StoredMute,
            room::{self, Room, RoomIndex, RoomRule, RoomRules},
            room_lists::RoomLists,
            users::Users,
        },
        options::{ChatOptions, SharedOptions},
        shared::rules::RuleDecision,
    };

    /// A world with the room "a".
    fn world() -> (World, Entity) {
        let mut world = World::new();
        world.insert_resource(SharedOptions(Arc::default()));
        world.insert_resource(IdGenerator::new().unwrap());
        world.init_resource::<ClosedRooms>();
        world.init_resource::<MessageQueue>();
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
        assert_eq!(record.answers_given.find("c2").unwrap().ack.seq, Some(2));
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
            let decision = RuleDecision::new(rule, None, 1);
            let event = ChatEvent::Rule("a".into(), decision);
            context.apply(event, Origin::ThisNode).unwrap();
            rules(context.world)
        };
        assert_eq!(change(RoomRule::Slow(2)).slow_mode, pause);
        let frozen = change(RoomRule::Frozen(true));
        assert_eq!((frozen.slow_mode, frozen.is_frozen), (pause, true));
        let longer = change(RoomRule::Slow(3));
        assert_eq!(longer.slow_mode, Some(Duration::from_millis(3)));
        assert!(longer.is_frozen);
        assert_eq!(change(RoomRule::Slow(0)).slow_mode, None);
    }
}
