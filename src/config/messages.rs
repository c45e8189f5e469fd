//! What clients of `bouncer.v1` are told to keep to, and how many errors they may make.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, limits::check_range, seconds};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What clients of `bouncer.v1` are told to keep to, and how many errors they may make.
///
/// In a configuration file the durations are numbers of seconds with the suffix `_seconds`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MessageOptions {
    /// Time between two signs of life to every player, by which pages notice a dead line. Default 10 s, 1 s to an
    /// hour.
    #[serde(rename = "heartbeat_seconds", with = "seconds")]
    pub heartbeat: Duration,
    /// The longest wait that clients are told to keep before their first attempt to come back; it doubles with each.
    /// Default 1 s, 1 ms to a minute.
    #[serde(rename = "reconnect_first_seconds", with = "seconds")]
    pub reconnect_first: Duration,
    /// The longest wait that clients are told to keep before they come back. Default 30 s, 1 ms to an hour, and
    /// not shorter than `reconnect_first`.
    #[serde(rename = "reconnect_longest_seconds", with = "seconds")]
    pub reconnect_longest: Duration,
    /// Errors of one user within five seconds after which the session that made the last one is closed with 4400.
    /// Default 20, 1 to 10 000.
    pub errors: usize,
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            reconnect_first: Duration::from_secs(1),
            reconnect_longest: Duration::from_secs(30),
            errors: 20,
        }
    }
}

impl MessageOptions {
    /// Every value within its range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let (first, longest) = (self.reconnect_first, self.reconnect_longest);
        check_range("messages.heartbeat_seconds", self.heartbeat, SECOND..=HOUR)?;
        check_range("messages.reconnect_first_seconds", first, MILLI..=MINUTE)?;
        check_range("messages.reconnect_longest_seconds", longest, MILLI..=HOUR)?;
        check_range("messages.errors", self.errors, 1..=10_000)?;
        if longest < first {
            return Err(ConfigError::new(
                "messages.reconnect_longest_seconds",
                "must not be shorter than reconnect_first_seconds",
            ));
        }
        Ok(())
    }
}
