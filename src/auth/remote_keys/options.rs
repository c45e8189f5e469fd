//! How often and how long to fetch: default, unit, range.

use std::{fmt, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use crate::config::{ConfigError, seconds};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// How [`RemoteKeys`](crate::RemoteKeys) are fetched, and for how long they are good.
///
/// In a configuration file the durations are numbers of seconds with the suffix `_seconds`
/// (`timeout_seconds = 5`); fractions are allowed.
///
/// ```
/// use std::time::Duration;
/// use bevy_bouncer::{RemoteKeyOptions, RemoteKeys};
///
/// let mut options = RemoteKeyOptions::default();
/// options.refresh_interval = Duration::from_secs(60);
/// let keys = RemoteKeys::jwks_url("https://login.example/jwks", options)?;
/// # Ok::<(), bevy_bouncer::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RemoteKeyOptions {
    /// For one whole fetch: name look-up, connection, and all documents. Default 5 s, 10 ms to 1 min.
    #[serde(rename = "timeout_seconds", with = "seconds")]
    pub timeout: Duration,
    /// Longest document in bytes; a longer one is not read to its end. Default 256 KiB, which is also
    /// the most, at least 1 KiB.
    pub max_bytes: usize,
    /// From the end of one fetch to the next one, whatever tokens ask for. After a fetch that failed,
    /// it is tried again after this time. Default 30 s, 10 ms to 1 h.
    #[serde(rename = "minimum_interval_seconds", with = "seconds")]
    pub minimum_interval: Duration,
    /// From one fetch to the next one when no token asks for it: a key that its owner has withdrawn is
    /// refused after this time at the latest. Default 5 min, at most a day, not shorter than
    /// `minimum_interval`.
    #[serde(rename = "refresh_interval_seconds", with = "seconds")]
    pub refresh_interval: Duration,
    /// How long the last good keys serve while fetches fail; then everybody gets 503. Default 24 h,
    /// which is also the most, not shorter than `refresh_interval`.
    #[serde(rename = "longest_staleness_seconds", with = "seconds")]
    pub longest_staleness: Duration,
    /// Most tokens with an unknown key that wait for a fetch at the same time, as long as there are good
    /// keys; further ones get 503 at once. Default 32, 1 to 10 000.
    pub most_waiting: usize,
    /// The certificate authorities to trust, as PEM certificates. Default: `None`, those of Mozilla's
    /// root program, as of the build.
    #[serde(skip)]
    pub certificate_authorities: Option<Vec<u8>>,
}

impl Default for RemoteKeyOptions {
    fn default() -> Self {
        Self {
            timeout: 5 * SECOND,
            max_bytes: 256 * 1024,
            minimum_interval: 30 * SECOND,
            refresh_interval: 300 * SECOND,
            longest_staleness: DAY,
            most_waiting: 32,
            certificate_authorities: None,
        }
    }
}

impl RemoteKeyOptions {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let least = 10 * MILLI;
        check("timeout_seconds", self.timeout, least..=60 * SECOND)?;
        check("max_bytes", self.max_bytes, 1024..=256 * 1024)?;
        check("most_waiting", self.most_waiting, 1..=10_000)?;
        check(
            "minimum_interval_seconds",
            self.minimum_interval,
            least..=HOUR,
        )?;
        check(
            "refresh_interval_seconds",
            self.refresh_interval,
            self.minimum_interval..=DAY,
        )?;
        check(
            "longest_staleness_seconds",
            self.longest_staleness,
            self.refresh_interval..=DAY,
        )
    }
}

fn check<T: PartialOrd + fmt::Debug>(
    name: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(ConfigError::new(
        format!("remote_keys.{name}"),
        format!("{value:?} is not within {least:?} to {most:?}"),
    ))
}
