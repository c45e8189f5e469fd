//! Answering players, and telling others what has happened.

use bevy_bouncer::{ClientErrors, Connection, Group, User, UserId};
use bevy_bouncer_protocol::{Ack, ServerMessage};
use bevy_ecs::prelude::*;

use crate::{
    context::{
        ChatContext,
        asker::{AnswerTo, By, Moderator},
        queue::{MessageQueue, QueuedMessage},
    },
    events::moderation::{Moderated, Moderation, ModerationResult},
    model::members::RoomMembers,
    protocol::{Denied, json},
};

/// Where the audit lines go.
pub(crate) const AUDIT: &str = "bevy_bouncer::audit";

impl ChatContext<'_> {
    /// Tells the game and the log what a moderator did.
    pub fn report(&mut self, moderator: &Moderator, action: Moderation, reason: Option<String>) {
        let by = moderator.user().cloned();
        let name = by.as_ref().map_or("the house", UserId::as_str);
        let (player, asked_by) = match (&moderator.answer_to, &moderator.by) {
            (AnswerTo::Game(_), _) | (_, By::House) => (None, "game"),
            (AnswerTo::Client(player, _), By::User(..)) => (Some(*player), "client"),
        };
        tracing::info!(target: AUDIT, by = name, asked_by, ?action, reason, "moderated");
        self.world.write_message(Moderated {
            by,
            player,
            action,
            reason,
        });
    }

    /// Tells whoever asked what came of it.
    pub fn conclude(&mut self, answer_to: AnswerTo, result: Result<Ack, Denied>) {
        match answer_to {
            AnswerTo::Client(player, id) => self.answer(player, id, result),
            AnswerTo::Game(asked) => {
                self.world.write_message(ModerationResult {
                    by: asked.by,
                    action: asked.action,
                    reason: asked.reason,
                    result: result.map(drop).map_err(|denied| denied.code),
                });
            }
        }
    }

    /// Tells players of whom each has a connection; the others hear nothing.
    pub fn tell_players(
        &mut self,
        players: impl IntoIterator<Item = Entity>,
        message: &ServerMessage,
    ) {
        let connections = players
            .into_iter()
            .filter_map(|player| self.world.get::<Connection>(player));
        self.send(connections.collect(), message, None);
    }

    /// Tells a player what it cannot do without, though it has not asked for it.
    pub fn tell_player(&mut self, player: Entity, message: &ServerMessage) {
        let connection = self.world.get::<Connection>(player);
        self.send(connection.into_iter().collect(), message, Some(player));
    }

    /// Queues a message. Returns how many bytes it has; for an empty group nothing is written.
    fn send(&mut self, group: Group, message: &ServerMessage, needed_by: Option<Entity>) -> usize {
        if group.is_empty() {
            return 0;
        }
        let text = json(message);
        let bytes = text.len();
        let mut queue = self.world.resource_mut::<MessageQueue>();
        queue.0.push(QueuedMessage {
            group,
            text,
            needed_by,
        });
        bytes
    }

    /// Tells all sessions of a user.
    pub fn tell_user(&mut self, user: &UserId, message: &ServerMessage) {
        let players = self.players_of(user);
        self.tell_players(players, message);
    }

    /// Tells everybody who is in a room now.
    pub fn tell_room(&mut self, room: Entity, message: &ServerMessage) {
        let group = self.group(room);
        self.send(group, message, None);
    }

    /// The connections of a room, which are collected once for many messages.
    fn group(&mut self, room: Entity) -> Group {
        let Some(members) = self.world.get::<RoomMembers>(room) else {
            return Group::default();
        };
        if let Some(group) = &members.group {
            return group.clone();
        }
        let connection = |player| self.world.get::<Connection>(player);
        let connections = members.iter().filter_map(|(player, _)| connection(player));
        let group: Group = connections.collect();
        if let Some(mut members) = self.world.get_mut::<RoomMembers>(room) {
            members.group = Some(group.clone());
        }
        group
    }

    /// Tells a player what came of a request.
    pub fn answer(&mut self, player: Entity, id: Option<String>, result: Result<Ack, Denied>) {
        match (result, id) {
            (Ok(mut ack), Some(id)) => {
                ack.re = id;
                self.reply(player, &ServerMessage::Ack(Box::new(ack)));
            }
            (Ok(_), None) => {}
            (Err(denied), id) => self.deny(player, id, &denied),
        }
    }

    /// Answers a player, whose budget of answers pays for it.
    pub fn reply(&mut self, player: Entity, message: &ServerMessage) {
        let connection = self.world.get::<Connection>(player);
        let group: Group = connection.into_iter().collect();
        let bytes = self.send(group, message, Some(player));
        if let Some(user) = self.world.get::<User>(player).cloned()
            && let Ok(mut record) = self.record_of(&user)
        {
            record.answers.spend(bytes);
        }
    }

    /// Answers that a request was not done. Too many errors end the connection.
    fn deny(&mut self, player: Entity, id: Option<String>, denied: &Denied) {
        self.reply(player, &denied.message(id));
        ClientErrors::count(self.world, player);
    }
}
