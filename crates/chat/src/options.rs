//! Every limit of the chat.

use std::{sync::Arc, time::Duration};

use bevy_bouncer::ConfigError;
use bevy_ecs::prelude::*;

/// What happens to a message that the filter did not answer within [`ChatOptions::filter_deadline`], or because
/// of which it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilterFailure {
    /// It is not said; the client gets `unavailable`.
    #[default]
    Refuse,
    /// It is said.
    Allow,
}

/// The options that the plugin was given.
#[derive(Resource, Clone)]
pub(crate) struct SharedOptions(pub Arc<ChatOptions>);

/// Every limit of the chat, with its default.
///
/// ```
/// use bevy_bouncer_chat::ChatOptions;
///
/// let options = ChatOptions { text_length: 200, ..Default::default() };
/// # assert!(options.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ChatOptions {
    /// Longest text in Unicode scalar values. Default 500, 1 to 10 000.
    pub text_length: usize,
    /// Most lines of one text. Default 20, 1 to 10 000.
    pub text_lines: usize,
    /// Messages that a user may send at once, whispers included. Default 5, 1 to 1000.
    pub burst: usize,
    /// Messages a second that a user may send in the long run. Default 1, 0.01 to 1000.
    pub messages_per_second: f64,
    /// Longest wait of a user who goes on sending although it was refused; it starts at one second and
    /// doubles each time. Default 60 s, 1 s to a day.
    pub longest_penalty: Duration,
    /// Other requests that a user may make at once. Default 100, 1 to 10 000.
    pub requests_burst: usize,
    /// Other requests a second that a user may make in the long run. Default 20, 0.1 to 10 000.
    pub requests_per_second: f64,
    /// Bytes of answers that a user may get at once. Lists, joins and history are refused until they are made up
    /// for. Default 256 KiB, 1 to 1 GiB.
    pub answer_bytes: usize,
    /// Bytes of answers a second that a user may get in the long run. Default 128 KiB, 1 to 1 GiB.
    pub answer_bytes_per_second: usize,
    /// Messages that a room remembers. Default 100, 1 to 100 000.
    pub history: usize,
    /// Messages that a player gets who joins, and at most with one `chat.history`. Default 50, at most
    /// `history`.
    pub history_page: usize,
    /// Closed rooms whose messages are remembered for when they are opened again, those of the last start
    /// included; of more, the one that was closed first is forgotten. Default 1000, 1 to 1 000 000.
    pub closed_rooms: usize,
    /// Records that wait for the archive; more are lost, and the log says so. The last tenth is for deletions and
    /// mutes. Default 10 000, 1 to 1 000 000.
    pub archive_queue: usize,
    /// Rooms that one player may be in. Default 32, 1 to 10 000.
    pub rooms_per_player: usize,
    /// Members of one room, players rather than users. Default 10 000, 1 to 1 000 000.
    pub members_per_room: usize,
    /// How long joins and leaves are collected before the room is told. Default 250 ms, 0 to a minute.
    pub presence_interval: Duration,
    /// How long users count as online for the other nodes of a fleet after their node has died. Default 30 s, 1 s to an
    /// hour.
    pub presence_lifetime: Duration,
    /// How long the filter may think about a message. Default 250 ms, 1 ms to a minute.
    pub filter_deadline: Duration,
    /// What happens to a message that the filter did not answer in time. Default [`FilterFailure::Refuse`].
    pub filter_failure: FilterFailure,
    /// Messages that wait for the filter; more are refused. Default 1000, 1 to 100 000.
    pub filter_queue: usize,
    /// Message ids that are remembered for each user, so that a message that is sent again is not said
    /// again. Default 256, 1 to 10 000.
    pub remembered_ids: usize,
    /// Users of whom anything is remembered; of more, only those who are connected. Those who are not connected
    /// and not muted make room for others, first those who were silent longest. Default 20 000, 1 to 10 000 000.
    pub remembered_users: usize,
    /// Deleted messages that the nodes of a fleet remember together, for those that were away; of more, those that were
    /// deleted first are forgotten. Default 10 000, 1 to 1 000 000.
    pub remembered_deletions: usize,
    /// How long they remember them. Default 30 days, 1 s to 10 years.
    pub deletions_last: Duration,
    /// Decisions of one moderator about users who are away that wait for the directory; one more is refused. Default
    /// 16, 1 to 1000.
    pub pending_decisions: usize,
    /// Longest mute, which a longer one is shortened to. Default 30 days, 1 s to 10 years.
    pub longest_mute: Duration,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            text_length: 500,
            text_lines: 20,
            burst: 5,
            messages_per_second: 1.0,
            longest_penalty: Duration::from_secs(60),
            requests_burst: 100,
            requests_per_second: 20.0,
            answer_bytes: 256 * 1024,
            answer_bytes_per_second: 128 * 1024,
            history: 100,
            history_page: 50,
            closed_rooms: 1000,
            archive_queue: 10_000,
            rooms_per_player: 32,
            members_per_room: 10_000,
            presence_interval: Duration::from_millis(250),
            presence_lifetime: Duration::from_secs(30),
            filter_deadline: Duration::from_millis(250),
            filter_failure: FilterFailure::Refuse,
            filter_queue: 1000,
            remembered_ids: 256,
            remembered_users: 20_000,
            remembered_deletions: 10_000,
            deletions_last: Duration::from_secs(30 * 24 * 3600),
            pending_decisions: 16,
            longest_mute: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl ChatOptions {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that cannot be used, with the reason.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let counts = [
            ("text_length", self.text_length, 10_000),
            ("text_lines", self.text_lines, 10_000),
            ("burst", self.burst, 1000),
            ("requests_burst", self.requests_burst, 10_000),
            ("filter_queue", self.filter_queue, 100_000),
            ("answer_bytes", self.answer_bytes, 1 << 30),
            (
                "answer_bytes_per_second",
                self.answer_bytes_per_second,
                1 << 30,
            ),
            ("history", self.history, 100_000),
            ("history_page", self.history_page, self.history),
            ("closed_rooms", self.closed_rooms, 1_000_000),
            ("archive_queue", self.archive_queue, 1_000_000),
            ("rooms_per_player", self.rooms_per_player, 10_000),
            ("members_per_room", self.members_per_room, 1_000_000),
            ("remembered_ids", self.remembered_ids, 10_000),
            ("remembered_users", self.remembered_users, 10_000_000),
            ("remembered_deletions", self.remembered_deletions, 1_000_000),
            ("pending_decisions", self.pending_decisions, 1000),
        ];
        for (field, value, most) in counts {
            check(field, &value, &1, &most)?;
        }
        check(
            "messages_per_second",
            &self.messages_per_second,
            &0.01,
            &1000.0,
        )?;
        check(
            "requests_per_second",
            &self.requests_per_second,
            &0.1,
            &10_000.0,
        )?;
        let millisecond = Duration::from_millis(1);
        let second = Duration::from_secs(1);
        let day = second * 24 * 3600;
        for (field, value, least, most) in [
            ("longest_penalty", self.longest_penalty, second, day),
            (
                "presence_interval",
                self.presence_interval,
                Duration::ZERO,
                second * 60,
            ),
            (
                "presence_lifetime",
                self.presence_lifetime,
                second,
                second * 3600,
            ),
            (
                "filter_deadline",
                self.filter_deadline,
                millisecond,
                second * 60,
            ),
            ("longest_mute", self.longest_mute, second, day * 3650),
            ("deletions_last", self.deletions_last, second, day * 3650),
        ] {
            check(field, &value, &least, &most)?;
        }
        Ok(())
    }
}

fn check<T: PartialOrd + std::fmt::Debug>(
    field: &str,
    value: &T,
    least: &T,
    most: &T,
) -> Result<(), ConfigError> {
    if least <= value && value <= most {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("chat.{field}"),
        format!("{value:?} is not within {least:?} to {most:?}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_an_error_names_the_field() {
        assert_eq!(ChatOptions::default().validate(), Ok(()));
        let mut options = ChatOptions {
            history: 10,
            ..Default::default()
        };
        assert_eq!(options.validate().unwrap_err().field, "chat.history_page");
        options = ChatOptions {
            messages_per_second: f64::NAN,
            ..Default::default()
        };
        let field = options.validate().unwrap_err().field;
        assert_eq!(field, "chat.messages_per_second");
    }
}
