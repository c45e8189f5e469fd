//! Small parts without a room of their own, one of each.

mod backoff;
mod clock;
mod counters;
mod jitter;
mod line;
mod lock;
mod short_lived;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod token_bucket;

pub(crate) use backoff::Backoff;
pub(crate) use clock::{microseconds, milliseconds_until, unix_now};
pub(crate) use counters::Counts;
pub(crate) use jitter::{jitter, random_share};
pub(crate) use line::{GameWaker, Line};
#[cfg(fuzzing)]
pub(crate) use lock::MutexGuard;
pub(crate) use lock::{Mutex, lock};
pub(crate) use short_lived::{Digest, ShortLived};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteError, SqliteFile};
pub(crate) use token_bucket::{Rate, TokenBucket};
