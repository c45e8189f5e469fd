//! Passwords are kept as Argon2id hashes. Hashing is slow and takes 19 MiB on purpose, so it runs
//! beside the async threads, two at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use thiserror::Error;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Hashes that are computed at the same time.
const AT_ONCE: usize = 2;
/// Hashes that may be computed or wait for their turn.
const AT_MOST: usize = 32;

/// Why a password could not be hashed or compared.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// Too many others wait.
    #[error("too many log-ins at once")]
    Busy,
    /// The hash function or its thread failed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

impl From<password_hash::Error> for PasswordError {
    fn from(error: password_hash::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Hashes and compares passwords.
pub struct Passwords {
    /// Compared with when there is no such account, so that the answer takes as long.
    decoy: String,
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Passwords {
    /// Ready to hash.
    pub fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            decoy: Argon2::default().hash_password(b"nobody")?.to_string(),
            waiting: Arc::new(Semaphore::new(AT_MOST)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// The hash to keep, with a salt of its own.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move || {
            Ok(Argon2::default()
                .hash_password(password.as_bytes())?
                .to_string())
        })
        .await
    }

    /// Whether this is the password. Without a hash the answer is no, after the same work.
    pub async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let same = self
            .run(move || {
                let hash = PasswordHash::new(&hash)
                    .map_err(|error| PasswordError::Failed(error.to_string()))?;
                match Argon2::default().verify_password(password.as_bytes(), &hash) {
                    Ok(()) => Ok(true),
                    Err(password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            })
            .await?;
        Ok(known && same)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = self.waiting.clone();
        let place = waiting
            .try_acquire_owned()
            .map_err(|_| PasswordError::Busy)?;
        let running = self.running.clone();
        let turn = running
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Busy)?;
        // They are held until the work is done, also when the client that asked has hung up.
        let work = move || {
            let _held = (place, turn);
            work()
        };
        spawn_blocking(work)
            .await
            .map_err(|error| PasswordError::Failed(error.to_string()))?
    }
}
