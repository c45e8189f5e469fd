//! The client of the backplane: asks it questions, each within a time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::timeout;

use super::backplane::{Backplane, BackplaneError, BackplaneFuture};

/// See the module's documentation.
pub(crate) struct Client {
    backplane: Arc<dyn Backplane>,
    /// How long a question may take that does not say otherwise.
    command_timeout: Duration,
}

impl Client {
    pub fn new(backplane: Arc<dyn Backplane>, command_timeout: Duration) -> Self {
        Self {
            backplane,
            command_timeout,
        }
    }

    /// Asks the backplane, within the time that a question may take.
    ///
    /// # Errors
    /// What the backplane says, or that it took too long.
    pub async fn ask<'a, T>(
        &'a self,
        question: impl FnOnce(&'a dyn Backplane) -> BackplaneFuture<'a, T>,
    ) -> Result<T, BackplaneError> {
        self.ask_within(self.command_timeout, question).await
    }

    /// Asks the backplane, within this time.
    ///
    /// # Errors
    /// What the backplane says, or that it took too long.
    pub async fn ask_within<'a, T>(
        &'a self,
        patience: Duration,
        question: impl FnOnce(&'a dyn Backplane) -> BackplaneFuture<'a, T>,
    ) -> Result<T, BackplaneError> {
        timeout(patience, question(&*self.backplane))
            .await
            .unwrap_or_else(|_| Err(BackplaneError("it took too long".to_owned())))
    }

    /// Whether the backplane shares state.
    pub fn shares_state(&self) -> bool {
        self.backplane.shares_state()
    }

    /// Hears frames of all nodes until that fails.
    pub fn listen<'a>(
        &'a self,
        hear: &'a (dyn Fn(Bytes) + Send + Sync),
    ) -> BackplaneFuture<'a, ()> {
        self.backplane.listen(hear)
    }
}
