//! Small parts without a room of their own, one of each.

mod backoff;
mod lock;
mod short_lived;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

pub(crate) use backoff::Backoff;
#[cfg(fuzzing)]
pub(crate) use lock::MutexGuard;
pub(crate) use lock::{Mutex, lock};
pub(crate) use short_lived::{Digest, ShortLived};
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::OpenError;
