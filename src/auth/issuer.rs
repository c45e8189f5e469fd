//! Tokens for log-in services, examples and tests.

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use thiserror::Error;

use super::{
    jwt::install_cryptography,
    keys::{KeyError, KeySet},
};
use crate::{identity::UserId, util::unix_now};

/// Issues tokens that a [`JwtAuthenticator`](crate::JwtAuthenticator) with the same secret accepts.
///
/// ```
/// use std::time::Duration;
/// use bevy_bouncer::{TokenIssuer, UserId};
///
/// # let secret = [7; 32];
/// let tokens = TokenIssuer::hs256(secret)?.audience("game").lifetime(Duration::from_secs(900));
/// let token = tokens.issue(&UserId::new("player-1")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
    lifetime: Duration,
}

/// Why a token could not be issued.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The system gave no random numbers for the token's id.
    #[error("the system gives no random numbers")]
    Random,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Sign,
}

#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a UserId,
    jti: String,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl TokenIssuer {
    /// Signs with a secret of at least 32 bytes (HS256). Tokens live an hour unless
    /// [`lifetime`](Self::lifetime) says otherwise.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        KeySet::hs256(&secret)?;
        install_cryptography();
        Ok(Self {
            key: EncodingKey::from_secret(secret.as_ref()),
            issuer: None,
            audience: None,
            lifetime: Duration::from_secs(3600),
        })
    }

    /// Sets `iss`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets `aud`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long tokens are valid, in whole seconds.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// A token for this user, valid from now on, with a random id (128 bits).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(&self, user: &UserId) -> Result<String, IssueError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| IssueError::Random)?;
        let now = unix_now();
        let payload = Payload {
            sub: user,
            jti: format!("{:032x}", u128::from_be_bytes(id)),
            iat: now,
            exp: now.saturating_add(self.lifetime.as_secs()),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, &payload, &self.key).map_err(|_| IssueError::Sign)
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
