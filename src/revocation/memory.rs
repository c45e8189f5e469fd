//! Nothing outlives the process.

use super::{Revocation, RevocationStore, StoreFuture, Subject};

/// Keeps nothing: revocations last as long as the process. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryRevocations;

impl RevocationStore for MemoryRevocations {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
