//! Every limit of the chat.

use std::time::Duration;

use crate::ConfigError;

/// Every limit of the chat, with its default.
///
/// ```
/// use bevy_bouncer::chat::ChatOptions;
///
/// let mut options = ChatOptions::default();
/// options.text_length = 200;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChatOptions {
    /// Longest text in Unicode scalar values. Default 500, 1 to 10 000.
    pub text_length: usize,
    /// Messages that a user may send at once, whispers included. Default 5, 1 to 1000.
    pub burst: usize,
    /// Messages a second that a user may send in the long run. Default 1, 0.01 to 1000.
    pub messages_per_second: f64,
    /// Longest wait that is asked of somebody who goes on regardless; it starts at one second and
    /// doubles each time. Default 60 s, 1 s to a day.
    pub longest_penalty: Duration,
    /// Messages that a room remembers. Default 100, 1 to 100 000.
    pub history: usize,
    /// Messages that somebody gets who joins, and at most with one `chat.history`. Default 50, at most
    /// `history`.
    pub history_page: usize,
    /// Rooms that one player may be in. Default 32, 1 to 10 000.
    pub rooms_per_player: usize,
    /// Members of one room, players rather than users. Default 10 000, 1 to 1 000 000.
    pub members_per_room: usize,
    /// How long joins and leaves are collected before the room is told. Default 250 ms, 0 to a minute.
    pub presence_interval: Duration,
    /// Message ids that are remembered for each user, so that a message that is sent again is not said
    /// again. Default 256, 1 to 10 000.
    pub remembered_ids: usize,
    /// Users of whom anything is remembered. Those who are not connected and not muted make room for
    /// others, those who were silent longest first. Default 20 000, 1 to 10 000 000.
    pub remembered_users: usize,
    /// Errors within five seconds after which a player is closed with 4400. Default 20, 1 to 10 000.
    pub errors: usize,
    /// Longest mute, which a longer one is shortened to. Default 30 days, 1 s to 10 years.
    pub longest_mute: Duration,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            text_length: 500,
            burst: 5,
            messages_per_second: 1.0,
            longest_penalty: Duration::from_secs(60),
            history: 100,
            history_page: 50,
            rooms_per_player: 32,
            members_per_room: 10_000,
            presence_interval: Duration::from_millis(250),
            remembered_ids: 256,
            remembered_users: 20_000,
            errors: 20,
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
            ("burst", self.burst, 1000),
            ("history", self.history, 100_000),
            ("history_page", self.history_page, self.history),
            ("rooms_per_player", self.rooms_per_player, 10_000),
            ("members_per_room", self.members_per_room, 1_000_000),
            ("remembered_ids", self.remembered_ids, 10_000),
            ("remembered_users", self.remembered_users, 10_000_000),
            ("errors", self.errors, 10_000),
        ];
        for (field, value, most) in counts {
            check(field, &value, &1, &most)?;
        }
        check("messages_per_second", &self.messages_per_second, &0.01, &1000.0)?;
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
            ("longest_mute", self.longest_mute, second, day * 3650),
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
        let mut options = ChatOptions::default();
        options.history_page = options.history + 1;
        assert_eq!(options.validate().unwrap_err().field, "chat.history_page");
        options = ChatOptions::default();
        options.messages_per_second = f64::NAN;
        let field = options.validate().unwrap_err().field;
        assert_eq!(field, "chat.messages_per_second");
    }
}
