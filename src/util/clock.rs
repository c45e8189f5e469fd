//! The wall clock, and the time since the start.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The wall clock in whole unix seconds. A clock before 1970 counts as 0, which fails closed: every
/// token then is "not yet valid" or "issued in the future".
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// How long it is until then, in milliseconds; 0 when it is over.
pub(crate) fn milliseconds_until(unix_seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = Duration::from_secs(unix_seconds).saturating_sub(now.unwrap_or(Duration::ZERO));
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since the first call.
pub(crate) fn microseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
