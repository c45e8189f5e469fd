//! How a node takes part, and every bound of it.

use std::time::Duration;

use crate::config::ConfigError;

/// How a node takes part in a fleet, with every bound of it.
///
/// ```
/// use bevy_bouncer::ClusterOptions;
///
/// let mut options = ClusterOptions::named("eu-1");
/// options.incoming_frames = 16_384;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// What other nodes and logs call this one: 1 to 64 bytes without control characters. Default
    /// `node`; two nodes may have the same.
    pub node: String,
    /// How old the proof may be that the node has read all of the control log; older, and new players
    /// get 503 `unavailable` while those who are in stay. Default 5 s, 100 ms to a minute.
    pub max_lag: Duration,
    /// How often the whole list of the barred is compared with the shared one. Default 60 s, 100 ms to a
    /// day.
    pub reconcile_interval: Duration,
    /// How long one question to the backplane may take; then it counts as failed. Default 2 s, 10 ms to
    /// a minute.
    pub command_timeout: Duration,
    /// How long a user counts as connected after the node has died. Renewed three times as often.
    /// Default 30 s, 300 ms to an hour.
    pub seat_lifetime: Duration,
    /// Ended sessions that wait to be told to the backplane; past that, their seats end with
    /// `seat_lifetime`. Default 65 536.
    pub waiting_releases: usize,
    /// Kicks that wait to be told to the other nodes; one more ends the sessions of this node only. Default 1024.
    pub waiting_kicks: usize,
    /// How long after its decision a kick is still told to the other nodes, and carried out there. Default 10 s,
    /// 100 ms to a minute.
    pub kick_lifetime: Duration,
    /// Frames for other nodes that may wait to be sent; one more is dropped and counted. Default 4096.
    pub outgoing_frames: usize,
    /// Frames from other nodes that may wait for the game; one more is dropped and counted. Default 4096.
    pub incoming_frames: usize,
    /// Longest frame between nodes in bytes; a longer one is not sent, or dropped, and counted. Default
    /// 64 KiB, 1 to 16 MiB.
    pub frame_bytes: usize,
    /// Most frames from other nodes that the game gets in one tick. Default 1024.
    pub frames_per_tick: usize,
    /// Entries of one map of [shared state](crate::Cluster::shared_state), and writes that may wait for the backplane;
    /// a write of one key more is an error. Default 65 536, 1 to 1 000 000. A node that starts reads a map as one
    /// answer, within `command_timeout`.
    pub shared_entries: usize,
    /// Longest key of shared state in bytes; a longer one is an error. Default 512, 1 to 64 KiB.
    pub shared_key_bytes: usize,
    /// Longest value of shared state in bytes; a longer one is an error. Default 2 KiB, 1 to 1 MiB.
    pub shared_value_bytes: usize,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            node: "node".to_owned(),
            max_lag: Duration::from_secs(5),
            reconcile_interval: Duration::from_secs(60),
            command_timeout: Duration::from_secs(2),
            seat_lifetime: Duration::from_secs(30),
            waiting_releases: 65_536,
            waiting_kicks: 1024,
            kick_lifetime: Duration::from_secs(10),
            outgoing_frames: 4096,
            incoming_frames: 4096,
            frame_bytes: 64 * 1024,
            frames_per_tick: 1024,
            shared_entries: 65_536,
            shared_key_bytes: 512,
            shared_value_bytes: 2048,
        }
    }
}

impl ClusterOptions {
    /// The defaults, for a node of this name.
    pub fn named(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            ..Self::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that cannot be used, with the reason.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let name = &self.node;
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(ConfigError::new(
                "cluster.node",
                "must have 1 to 64 bytes and no control characters",
            ));
        }
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let times = [
            ("max_lag", self.max_lag, second / 10, second * 60),
            (
                "reconcile_interval",
                self.reconcile_interval,
                second / 10,
                hour * 24,
            ),
            (
                "command_timeout",
                self.command_timeout,
                second / 100,
                second * 60,
            ),
            ("seat_lifetime", self.seat_lifetime, second * 3 / 10, hour),
            (
                "kick_lifetime",
                self.kick_lifetime,
                second / 10,
                second * 60,
            ),
        ];
        for (field, value, least, most) in times {
            check(field, &value, &least, &most)?;
        }
        let counts = [
            ("waiting_releases", self.waiting_releases, 10_000_000),
            ("waiting_kicks", self.waiting_kicks, 1_000_000),
            ("outgoing_frames", self.outgoing_frames, 10_000_000),
            ("incoming_frames", self.incoming_frames, 10_000_000),
            ("frame_bytes", self.frame_bytes, 16 * 1024 * 1024),
            ("frames_per_tick", self.frames_per_tick, 10_000_000),
            ("shared_entries", self.shared_entries, 1_000_000),
            ("shared_key_bytes", self.shared_key_bytes, 64 * 1024),
            ("shared_value_bytes", self.shared_value_bytes, 1024 * 1024),
        ];
        for (field, value, most) in counts {
            check(field, &value, &1, &most)?;
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
        format!("cluster.{field}"),
        format!("{value:?} is not within {least:?} to {most:?}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_an_error_names_the_field() {
        assert_eq!(ClusterOptions::default().validate(), Ok(()));
        let field = |change: fn(&mut ClusterOptions)| {
            let mut options = ClusterOptions::default();
            change(&mut options);
            options.validate().unwrap_err().field
        };
        assert_eq!(field(|options| options.node.clear()), "cluster.node");
        assert_eq!(
            field(|options| options.max_lag = Duration::ZERO),
            "cluster.max_lag"
        );
        assert_eq!(
            field(|options| options.frame_bytes = 0),
            "cluster.frame_bytes"
        );
    }
}
