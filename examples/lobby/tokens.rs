//! What a player shows at the door: a signed token that says who they are, for an hour.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bevy_bouncer::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Who signs, and for whom.
pub const ISSUER: &str = "lobby";

const LIFETIME: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    iat: u64,
    exp: u64,
}

/// A new token.
pub struct Token {
    /// The token itself.
    pub text: String,
    /// Unix seconds.
    pub expires_at: u64,
}

/// Issues and verifies tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    /// With this key.
    pub fn new(key: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
        }
    }

    /// A token for this user.
    pub fn issue(&self, user: &UserId) -> Token {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: user.clone(),
            iat: now,
            exp: now + LIFETIME.as_secs(),
        };
        Token {
            text: jsonwebtoken::encode(&Header::default(), &claims, &self.encoding)
                .unwrap_or_default(),
            expires_at: claims.exp,
        }
    }

    /// Whose token this is.
    pub fn verify(&self, token: &str) -> Option<UserId> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[ISSUER]);
        rules.set_issuer(&[ISSUER]);
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &rules).ok()?;
        Some(data.claims.sub)
    }
}
