//! Keys that live elsewhere and change there.
//!
//! ```text
//! find(kid) ── known? ──────────────────────────► key
//!     │ unknown                                    ▲
//!     └─ demand ─► the one task: rest, fetch, ─────┘
//!                  check the whole set, swap it
//! ```
//!
//! [`address`] says which URLs may be asked, [`fetch`] asks one of them, [`source`] finds the way from
//! an issuer to its keys, and [`refresh`] decides when. What arrives is taken as a whole or not at all.

mod address;
mod fetch;
mod options;
mod refresh;
mod source;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tokio::task::AbortHandle;

use super::keys::VerifyingKey;
use crate::{config::ConfigError, identity::Refusal, util::lock};

use fetch::Fetcher;
pub use options::RemoteKeyOptions;
use refresh::Refresh;
use source::Source;

/// The keys of a JSON Web Key Set at a URL, fetched again and again.
///
/// The rules, with the numbers of [`RemoteKeyOptions`]:
///
/// - `https` only, or `http` from this very machine; no redirects; at most 256 KiB; 5 s for all of it.
/// - Fetched when the door opens, every 5 minutes, and when a token names an unknown key; one fetch at a
///   time, and 30 s of rest after each.
/// - A set with anything wrong in it is refused as a whole, as by [`KeySet::from_jwks`](crate::KeySet),
///   and the last good one stays, for up to 24 hours. Then, and before the first one, everybody gets 503.
/// - A token that names an unknown key waits for the fetch that it causes, or gets 401.
///
/// ```
/// use bevy_bouncer::{JwtAuthenticator, RemoteKeyOptions, RemoteKeys};
///
/// let options = RemoteKeyOptions::default();
/// let keys = RemoteKeys::jwks_url("https://login.example/jwks", options)?;
/// let tokens = JwtAuthenticator::remote(keys).issuer("https://login.example").audience("game");
/// # Ok::<(), bevy_bouncer::ConfigError>(())
/// ```
pub struct RemoteKeys {
    refresh: Arc<Refresh>,
    /// The task that fetches, on whichever runtime asked first.
    task: Mutex<Option<AbortHandle>>,
}

impl RemoteKeys {
    /// The key set at this URL. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the field: `jwks_url`, or one of `remote_keys.…`.
    pub fn jwks_url(url: &str, options: RemoteKeyOptions) -> Result<Self, ConfigError> {
        Self::new(Source::jwks_url(url)?, options)
    }

    /// The keys of an OpenID provider, found by its discovery document at
    /// `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4). Nothing is fetched
    /// yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the field: `issuer`, or one of `remote_keys.…`.
    pub fn discover(issuer: &str, options: RemoteKeyOptions) -> Result<Self, ConfigError> {
        Self::new(Source::discovery(issuer)?, options)
    }

    fn new(source: Source, options: RemoteKeyOptions) -> Result<Self, ConfigError> {
        options.validate()?;
        let fetcher = Fetcher::new(&options)?;
        Ok(Self {
            refresh: Arc::new(Refresh::new(source, fetcher, options)),
            task: Mutex::default(),
        })
    }

    /// The issuer whose keys these are, when they were found by its name.
    pub(super) fn issuer(&self) -> Option<&str> {
        match &self.refresh.source {
            Source::Discovery { issuer, .. } => Some(issuer),
            Source::KeySet(_) => None,
        }
    }

    /// Begins to fetch, on the runtime that this is called in. Does nothing while that goes on.
    pub(super) fn start(&self) {
        let mut task = lock(&self.task);
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            *task = Some(tokio::spawn(self.refresh.clone().run()).abort_handle());
        }
    }

    /// Whether there is a key of this name, as far as is known now. 503 when that cannot be told.
    pub(super) fn is_known(&self, id: Option<&str>) -> Result<bool, Refusal> {
        Ok(self.refresh.look_up(id)?.is_some())
    }

    /// The key that a token with this `kid` must be signed with.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Arc<VerifyingKey>, Refusal> {
        self.start();
        let mut found = self.refresh.look_up(id);
        let may_change = match &found {
            Ok(None) => id.is_some(),
            Ok(Some(_)) => false,
            Err(_) => true,
        };
        if may_change {
            self.refresh.refetch().await?;
            found = self.refresh.look_up(id);
        }
        found?.ok_or_else(|| Refusal::unauthorized("there is no such key"))
    }
}

impl Drop for RemoteKeys {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteKeys")
            .field(&self.refresh.source)
            .finish()
    }
}
