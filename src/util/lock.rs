//! The lock that the registry is built on, named in one place so that a model checker can put its own
//! in its place.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also when a holder panicked: every critical section leaves the data consistent at each of
/// its steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
