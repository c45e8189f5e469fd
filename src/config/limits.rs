//! Every limit and timeout, in one table: default, unit, range.

use std::{fmt::Debug, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{ConfigError, DuplicateLogin, seconds};
use crate::http::HeadLimits;

macro_rules! limits {
    (
        counts { $( $(#[doc = $count_doc:literal])* $count:ident = $count_default:expr, in $count_range:expr; )* }
        durations { $( $(#[doc = $time_doc:literal])* $time:ident, $time_name:literal = $time_default:expr, in $time_range:expr; )* }
    ) => {
        /// Every limit and timeout of the door, the sessions and the tick.
        ///
        /// In a configuration file the durations are numbers of seconds with the suffix `_seconds`
        /// (`handshake_timeout_seconds = 10`); fractions are allowed.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct Limits {
            /// What happens when a user connects twice. Default `kick_old`.
            pub duplicate_login: DuplicateLogin,
            $( $(#[doc = $count_doc])* pub $count: usize, )*
            $( $(#[doc = $time_doc])*
               #[serde(rename = $time_name, with = "seconds")]
               pub $time: Duration, )*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self {
                    duplicate_login: DuplicateLogin::default(),
                    $( $count: $count_default, )*
                    $( $time: $time_default, )*
                }
            }
        }

        impl Limits {
            fn check_ranges(&self) -> Result<(), ConfigError> {
                $( check_range(concat!("limits.", stringify!($count)), self.$count, $count_range)?; )*
                $( check_range(concat!("limits.", $time_name), self.$time, $time_range)?; )*
                Ok(())
            }
        }
    };
}

const MIB: usize = 1024 * 1024;
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

limits! {
    counts {
        /// Most live connections. Default 10 000, 1 to 1 000 000.
        connections = 10_000, in 1..=1_000_000;
        /// Most connections and pending handshakes of one IP address (IPv6: one /64). Default 32.
        connections_per_ip = 32, in 1..=1_000_000;
        /// Most sessions of one user with `duplicate_login = "allow"`. Default 1, 1 to 1024.
        connections_per_user = 1, in 1..=1024;
        /// Most replacements of one user's session in 60 s; one more gets 429. Default 5.
        replacements_per_minute = 5, in 1..=1000;
        /// Most handshakes under way at once. One more gets the place of the one that has kept the
        /// door waiting for a complete request head the longest, a second at least, and 503 when there is none. Default 1024.
        pending_handshakes = 1024, in 1..=100_000;
        /// Handshakes that one IP address (IPv6: one /64) may start in a minute, also the burst; one
        /// more gets 429. Counted when a connection is accepted, whatever is sent on it. Default 60.
        handshakes_per_ip_per_minute = 60, in 1..=10_000_000;
        /// How many handshakes one counts for whose credential was refused. It takes what is left, and
        /// never more than that. Default 5, 1 to 1000.
        failed_handshake_price = 5, in 1..=1000;
        /// `GET /healthz` that one IP address (IPv6: one /64) may ask in a minute, also the burst; one
        /// more gets 429. They do not count as handshakes. Default 600.
        health_checks_per_ip_per_minute = 600, in 1..=10_000_000;
        /// Most addresses whose handshakes are counted at the same time; past that, new ones share
        /// one count. Default 65 536.
        tracked_addresses = 65_536, in 1..=10_000_000;
        /// Most checks of the authenticator, user lookups included, at once; others wait within
        /// `lookup_timeout`, then they get 503. Default 128.
        lookups_at_once = 128, in 1..=100_000;
        /// Most signatures with public keys that are verified at once, on threads of their own; others
        /// wait within `lookup_timeout`, then they get 503. Default 4, 1 to 256.
        signatures_at_once = 4, in 1..=256;
        /// Most players who are checked again at once, see `recheck_interval`. Default 16, 1 to 10 000.
        rechecks_at_once = 16, in 1..=10_000;
        /// Refused tokens that are remembered for `refused_token_lifetime`, as keyed hashes, so that their
        /// signatures are not verified again; past that, the oldest is forgotten. Default 1024, 0 for none.
        refused_tokens_cached = 1024, in 0..=1_000_000;
        /// Longest request head in bytes; a longer one gets 431. Default 8 KiB, 512 to 64 KiB.
        head_bytes = 8 * 1024, in 512..=65_536;
        /// Most header fields in a request; one more gets 431. Default 48, 8 to 96.
        head_fields = 48, in 8..=96;
        /// Longest token in bytes. Default 4 KiB, 64 to 16 KiB.
        token_bytes = 4096, in 64..=16_384;
        /// Most tickets that wait to be used; one more is refused with 503. Default 4096.
        tickets = 4096, in 1..=1_000_000;
        /// Longest message from a client in bytes; a longer one closes with 1009. Default 64 KiB.
        max_message_bytes = 64 * 1024, in 1..=16 * MIB;
        /// Longest frame from a client in bytes; a longer one closes with 1009. Default 64 KiB.
        max_frame_bytes = 64 * 1024, in 1..=16 * MIB;
        /// Frames per second that one client may send on average; faster, and reading from it pauses.
        /// Default 60.
        inbound_frames_per_second = 60, in 1..=1_000_000;
        /// Frames that one client may send at once. Default 120.
        inbound_frames_burst = 120, in 1..=1_000_000;
        /// Bytes per second that one client may send on average, also the burst. Default 256 KiB.
        inbound_bytes_per_second = 256 * 1024, in 1024..=1024 * MIB;
        /// Messages of one client that may wait for the game; past that, reading pauses. Default 64.
        inbound_queue_messages = 64, in 1..=65_536;
        /// Bytes of one client that may wait for the game; past that, reading pauses. One message is
        /// always taken. Default 128 KiB.
        inbound_queue_bytes = 128 * 1024, in 1024..=64 * MIB;
        /// Messages that may wait for one client that reads slowly; past that, it is closed with 4001.
        /// Default 256.
        outgoing_queue_messages = 256, in 1..=1_000_000;
        /// Bytes that may wait for one client that reads slowly; past that, it is closed with 4001.
        /// A single message above it is refused when it is sent. Default 256 KiB.
        outgoing_queue_bytes = 256 * 1024, in 1024..=1024 * MIB;
        /// Size of the kernel's send buffer for each connection in bytes (`SO_SNDBUF`), which bounds what
        /// may still arrive after a cut. Default 64 KiB.
        socket_send_buffer_bytes = 64 * 1024, in 4096..=16 * MIB;
        /// Most players that join in one tick; the others join in the next ones. Each takes the tick
        /// several microseconds. Default 128.
        arrivals_per_tick = 128, in 1..=100_000;
        /// Most messages from clients that the game gets in one tick. Default 4096.
        frames_per_tick = 4096, in 1..=10_000_000;
        /// Most bytes from clients that the game gets in one tick. Default 4 MiB.
        bytes_per_tick = 4 * MIB, in 1024..=1024 * MIB;
        /// Ticks whose output may wait for the network; past that, ticks are merged. Default 4.
        queued_ticks = 4, in 1..=1024;
        /// Bytes of messages that the game may have waiting for the network in all, each message counted
        /// once; past that, sending fails and is counted. Default 64 MiB.
        outbox_bytes = 64 * MIB, in 1024..=4096 * MIB;
        /// Messages that the game may have waiting for the network in all. Default 65 536.
        outbox_messages = 65_536, in 1..=10_000_000;
        /// Tasks that write to the connections, each to its share of them. More than the runtime has
        /// threads is of no use. Default 4, 1 to 64.
        fan_out_shards = 4, in 1..=64;
        /// Most revocations kept in memory. Default 1 000 000.
        revocations = 1_000_000, in 1..=100_000_000;
        /// Most revocations that wait to be stored. Default 65 536.
        unsaved_revocations = 65_536, in 1..=10_000_000;
    }
    durations {
        /// How long a player whose connection was lost stays, so that the same user can go on as the same
        /// entity. Default 0, which is not at all; at most an hour.
        resume_window, "resume_window_seconds" = Duration::ZERO, in Duration::ZERO..=HOUR;
        /// From accept to `101`; longer gets 408. Default 10 s.
        handshake_timeout, "handshake_timeout_seconds" = 10 * SECOND, in 10 * MILLI..=HOUR;
        /// For the request head; longer gets 408. Default 5 s.
        head_timeout, "head_timeout_seconds" = 5 * SECOND, in 10 * MILLI..=HOUR;
        /// For the authenticator with its user lookup; longer gets 503. Default 3 s.
        lookup_timeout, "lookup_timeout_seconds" = 3 * SECOND, in 10 * MILLI..=HOUR;
        /// How long before a session's token expires the game is told, so that the client can bring another
        /// one; up to half as long again, so that not all are told together, and never before half of the
        /// token's time is over. Default 60 s, 0 for never.
        expiry_warning, "expiry_warning_seconds" = 60 * SECOND, in Duration::ZERO..=DAY;
        /// Between two tokens that one session brings; sooner gets 429. Default 1 s.
        refresh_pause, "refresh_pause_seconds" = SECOND, in Duration::ZERO..=HOUR;
        /// How long a session may last whatever its tokens say; then 4100. Default 0, which is for ever;
        /// at most a year.
        longest_session, "longest_session_seconds" = Duration::ZERO, in Duration::ZERO..=YEAR;
        /// How often everybody who is in is checked again, give or take a fifth: whether the user still
        /// exists and the token's key is still valid. Default 300 s, 0 for never, at most a day.
        recheck_interval, "recheck_interval_seconds" = 300 * SECOND, in Duration::ZERO..=DAY;
        /// How long a refused token is remembered. Default 10 s, at most 30 s.
        refused_token_lifetime, "refused_token_lifetime_seconds" = 10 * SECOND, in MILLI..=30 * SECOND;
        /// How long a ticket can be used; it never outlives its token. Default 30 s, which is the most.
        ticket_lifetime, "ticket_lifetime_seconds" = 30 * SECOND, in MILLI..=30 * SECOND;
        /// How long a write may make no progress; then the connection is closed with 4001. Default 5 s.
        write_timeout, "write_timeout_seconds" = 5 * SECOND, in 10 * MILLI..=HOUR;
        /// Between two pings. Default 15 s.
        ping_interval, "ping_interval_seconds" = 15 * SECOND, in 10 * MILLI..=HOUR;
        /// How long after a ping anything must have arrived; then 4002. Default 25 s.
        pong_timeout, "pong_timeout_seconds" = 25 * SECOND, in 10 * MILLI..=HOUR;
        /// How long a client may take to finish a fragmented message; then 4003. Default 30 s.
        message_timeout, "message_timeout_seconds" = 30 * SECOND, in 10 * MILLI..=HOUR;
        /// How long a client may stay over its inbound rate; then 4003. Default 10 s.
        inbound_overload_timeout, "inbound_overload_timeout_seconds" = 10 * SECOND, in 10 * MILLI..=HOUR;
        /// How long to wait for the answer to a Close; then the connection is reset. Default 2 s.
        close_timeout, "close_timeout_seconds" = 2 * SECOND, in MILLI..=HOUR;
        /// How long to wait for the answer to a Close when the user was revoked or banned, or does not exist any
        /// more; then the connection is reset. Default 250 ms.
        cut_timeout, "cut_timeout_seconds" = 250 * MILLI, in MILLI..=HOUR;
        /// How long a session may outlive its token. Default 0 s, at most a day.
        expiry_grace, "expiry_grace_seconds" = Duration::ZERO, in Duration::ZERO..=DAY;
        /// How long the app waits for clients to answer its Close when it exits. Default 1 s, at most a minute.
        shutdown_timeout, "shutdown_timeout_seconds" = SECOND, in Duration::ZERO..=60 * SECOND;
    }
}

impl Limits {
    /// What the reader of request heads keeps to.
    pub(crate) fn head(&self) -> HeadLimits {
        HeadLimits {
            bytes: self.head_bytes,
            fields: self.head_fields,
        }
    }

    /// Every value within its range, and those that depend on each other.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_ranges()?;
        if self.pong_timeout <= self.ping_interval {
            return Err(ConfigError::new(
                "limits.pong_timeout_seconds",
                "must be longer than ping_interval_seconds",
            ));
        }
        Ok(())
    }
}

/// The value is within its range, or an error that names the field.
pub(super) fn check_range<T>(
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError>
where
    T: PartialOrd + Debug,
{
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    let reason = format!("{value:?} is not within {least:?} to {most:?}");
    Err(ConfigError::new(field, reason))
}
