//! Where an authenticator's keys come from.

use std::sync::Arc;

use super::keys::{KeySet, VerifyingKey};
#[cfg(feature = "jwks-url")]
use super::remote_keys::RemoteKeys;
use crate::identity::Refusal;

/// Keys that stay, or keys that live.
#[derive(Debug)]
pub(super) enum KeySource {
    Fixed(KeySet),
    #[cfg(feature = "jwks-url")]
    Remote(RemoteKeys),
}

impl KeySource {
    /// Whether the same keys are likely to sign tokens for others than this game: a provider's.
    pub fn is_remote(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            #[cfg(feature = "jwks-url")]
            Self::Remote(_) => true,
        }
    }

    /// The door opens.
    pub fn start(&self) {
        match self {
            Self::Fixed(_) => {}
            #[cfg(feature = "jwks-url")]
            Self::Remote(keys) => keys.start(),
        }
    }

    /// Refuses a session whose token was verified with a key that is gone by now. Keys without a name
    /// cannot be told apart.
    pub fn check_still_known(&self, id: Option<&str>) -> Result<(), Refusal> {
        let is_known = match self {
            Self::Fixed(keys) => id.is_none() || keys.find(id).is_some(),
            #[cfg(feature = "jwks-url")]
            Self::Remote(keys) => id.is_none() || keys.is_known(id)?,
        };
        if is_known {
            Ok(())
        } else {
            Err(Refusal::unauthorized("its key was withdrawn"))
        }
    }

    /// The key that a token with this `kid` must be signed with. 401 when there is none, 503 when that
    /// cannot be told.
    pub async fn find(&self, id: Option<&str>) -> Result<Arc<VerifyingKey>, Refusal> {
        match self {
            Self::Fixed(keys) => keys
                .find(id)
                .cloned()
                .ok_or_else(|| Refusal::unauthorized("there is no such key")),
            #[cfg(feature = "jwks-url")]
            Self::Remote(keys) => keys.find(id).await,
        }
    }
}
