//! Ids of messages and epochs.

use std::sync::Arc;

use bevy_ecs::prelude::*;

/// Makes ids that are never used twice, not after a restart either.
#[derive(Resource)]
pub(crate) struct IdGenerator {
    /// A random name of this start of the server.
    start: Arc<str>,
    count: u64,
}

impl IdGenerator {
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let start = getrandom::u64()?;
        Ok(Self {
            start: format!("{start:016x}").into(),
            count: 0,
        })
    }

    pub fn next(&mut self) -> Arc<str> {
        self.count += 1;
        format!("{}-{}", self.start, self.count).into()
    }
}
