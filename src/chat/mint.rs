//! Names of messages.

use std::sync::Arc;

use bevy_ecs::prelude::*;

/// Gives every message a name that no other one has, also after a restart.
#[derive(Resource)]
pub(super) struct Mint {
    /// A random name of this start of the server.
    pub epoch: Arc<str>,
    count: u64,
}

impl Mint {
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let epoch = getrandom::u64()?;
        Ok(Self {
            epoch: format!("{epoch:016x}").into(),
            count: 0,
        })
    }

    pub fn next(&mut self) -> Arc<str> {
        self.count += 1;
        format!("{}-{}", self.epoch, self.count).into()
    }
}
