//! One connection to Redis that many use at once, made again when it breaks.

use std::{
    fmt,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection};
use tokio::sync::Semaphore;

use crate::{
    cluster::backplane::BackplaneError,
    util::{Backoff, Mutex, lock},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl From<RedisError> for BackplaneError {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

/// See the module's documentation.
pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
    /// Held by the caller that connects.
    connecting: Semaphore,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// How many connections there were.
    generation: u64,
    backoff: Backoff,
    /// No attempt before this.
    not_before: Option<Instant>,
}

impl Link {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            state: Mutex::default(),
            connecting: Semaphore::new(1),
        }
    }

    /// Has `work` use the connection. When that fails or is given up, others get a new one.
    pub async fn with<T, F>(
        &self,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, BackplaneError>
    where
        F: Future<Output = Result<T, BackplaneError>>,
    {
        let (connection, generation) = self.connection().await?;
        let mut usage = Usage {
            link: self,
            generation,
            is_good: false,
        };
        let outcome = work(connection).await;
        usage.is_good = outcome.is_ok();
        outcome
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), BackplaneError> {
        if let Some(found) = self.current()? {
            return Ok(found);
        }
        // Only a closed semaphore is an error, and nobody closes this one.
        let _turn = self.connecting.acquire().await;
        if let Some(found) = self.current()? {
            return Ok(found);
        }
        let connected = connect(&self.client).await;
        let mut state = lock(&self.state);
        match connected {
            Ok(connection) => {
                state.backoff.reset();
                state.not_before = None;
                state.generation += 1;
                state.connection = Some(connection.clone());
                Ok((connection, state.generation))
            }
            Err(error) => {
                let pause = state.backoff.next();
                state.not_before = Some(Instant::now() + pause);
                Err(error)
            }
        }
    }

    /// The connection, if there is one, or an error when it is too early for another one.
    fn current(&self) -> Result<Option<(MultiplexedConnection, u64)>, BackplaneError> {
        let state = lock(&self.state);
        if let Some(connection) = &state.connection {
            return Ok(Some((connection.clone(), state.generation)));
        }
        match state.not_before {
            Some(at) if at > Instant::now() => Err(BackplaneError("not connected".to_owned())),
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Link {
    /// Without the address, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// One use of the connection; it also ends when a timeout drops it in the middle.
struct Usage<'a> {
    link: &'a Link,
    generation: u64,
    is_good: bool,
}

impl Drop for Usage<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.link.state);
        if !self.is_good && state.generation == self.generation {
            state.connection = None;
        }
    }
}

/// A connection of one's own.
pub(super) async fn connect(client: &Client) -> Result<MultiplexedConnection, BackplaneError> {
    // Every question has a time limit of its own.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    Ok(connection.await?)
}
