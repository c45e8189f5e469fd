//! What an event changes on this node.

use std::sync::Arc;

use bevy_bouncer::UserId;
use bevy_bouncer_protocol::{Ack, ServerMessage};
use bevy_ecs::prelude::*;

use crate::{
    context::ChatContext,
    model::{
        closed_rooms::ClosedRooms,
        history::{RoomHistory, StoredMessage},
        mutes::{MutedIn, StoredMute},
        room::RoomRules,
        users::Place,
    },
    protocol::Denied,
    publish::{ChatEvent, HandledCommand, UserNotice, Whisper},
    shared::{
        SharedChat,
        rules::{DecidedRules, RuleDecision},
    },
};

/// Where an event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Here: the other nodes are told.
    ThisNode,
    /// Elsewhere: all nodes know it.
    OtherNode,
}

/// What an event has changed.
pub(super) struct Change {
    /// `None` for rules: members are told at the end of the tick, also when the game has changed them.
    pub told: Option<(Hearers, ServerMessage)>,
    pub ack: Ack,
}

impl Change {
    fn silent(ack: Ack) -> Self {
        Self { told: None, ack }
    }
}

/// Who is told.
pub(super) enum Hearers {
    Room(Entity),
    User(UserId),
    Players(Vec<Entity>),
}

impl ChatContext<'_> {
    /// Changes what the chat knows.
    pub(super) fn change(
        &mut self,
        event: &mut ChatEvent,
        origin: Origin,
    ) -> Result<Option<Change>, Denied> {
        Ok(match event {
            ChatEvent::Said(message) => {
                // Its deletion may have come first.
                if self.world.resource::<SharedChat>().is_deleted(&message.mid) {
                    message.text = None;
                }
                self.add_message(message)
            }
            ChatEvent::Deleted { room, mid } => self.delete_message(room, mid),
            ChatEvent::Whispered(whisper) => Some(self.whisper(whisper, origin)),
            ChatEvent::Muted(mute, _) => self.mute(mute, origin)?,
            ChatEvent::Unmuted { user, room, .. } => self.unmute(user, room)?,
            ChatEvent::Rule(room, decision) => self.change_rule(room, decision, origin),
            ChatEvent::Handled(command) => Some(self.handle(command, origin)),
            ChatEvent::Noticed(notice) => Some(self.notice(notice)),
        })
    }

    /// Gives a message its number in the room.
    fn add_message(&mut self, message: &mut StoredMessage) -> Option<Change> {
        let room = self.room_called(&message.room)?;
        let most = self.options.history;
        let mut history = self.world.get_mut::<RoomHistory>(room)?;
        message.seq = history.count();
        let kept = StoredMessage {
            client_id: None,
            ..message.clone()
        };
        history.keep(kept, most);
        Some(Change {
            told: Some((Hearers::Room(room), ServerMessage::Message(message.shown()))),
            ack: message.ack(),
        })
    }

    fn delete_message(&mut self, room: &str, mid: &str) -> Option<Change> {
        let Some(entity) = self.room_called(room) else {
            let mut closed_rooms = self.world.resource_mut::<ClosedRooms>();
            closed_rooms.delete(room, mid)?;
            return Some(Change::silent(Ack::default()));
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
            self.remember_answer(&author, whisper.client_id.as_deref(), &whisper.ack(), None);
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

    fn change_rule(
        &mut self,
        room: &str,
        decision: &RuleDecision,
        origin: Origin,
    ) -> Option<Change> {
        let entity = self.room_called(room)?;
        // Somebody above may have decided the same.
        let shared = self.world.resource::<SharedChat>();
        let held = shared.rule_like(room, decision);
        let held = held.unwrap_or_else(|| decision.clone());
        let mut room = self.world.entity_mut(entity);
        room.entry::<DecidedRules>()
            .or_default()
            .get_mut()
            .put(held);
        let mut rules = self.world.get_mut::<RoomRules>(entity)?;
        let new = rules.changed(decision.rule);
        if origin == Origin::ThisNode || *rules != new {
            *rules = new;
        }
        Some(Change::silent(Ack::default()))
    }

    /// The request gets the same answer again, on this node and the others, and counts for the pace on all.
    fn handle(&mut self, command: &HandledCommand, origin: Origin) -> Change {
        let (options, now) = (self.options.clone(), self.now);
        if origin == Origin::OtherNode
            && let Ok(mut record) = self.record_by_id(&command.user)
        {
            record.speaking.spoke_elsewhere(&options, now);
        }
        let (ack, notice) = (command.ack(), command.answer.as_str().into());
        let id = command.client_id.as_deref();
        self.remember_answer(&command.user, id, &ack, Some(notice));
        Change::silent(ack)
    }

    fn notice(&mut self, notice: &UserNotice) -> Change {
        let user = Hearers::User(notice.user.clone());
        Change {
            told: Some((user, notice.shown())),
            ack: Ack::default(),
        }
    }
}
