//! What the attackers and their target agree on: users and keys.

use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use bevy_bouncer::{JwtAuthenticator, KeyError};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

const SECRET: [u8; 32] = *b"a secret that everybody may know";
const RSA: [&str; 2] = [
    include_str!("../../../tests/keys/rsa.pem"),
    include_str!("../../../tests/keys/rsa.pub.pem"),
];
const P256: [&str; 2] = [
    include_str!("../../../tests/keys/p256.pem"),
    include_str!("../../../tests/keys/p256.pub.pem"),
];
const LIFETIME: u64 = 3600;

/// Every user whose id starts like this exists.
pub const KNOWN_USER: &str = "player-";
/// Those of them who attack.
pub const BAD_USER: &str = "player-bad-";

/// What the tokens of a target are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// A shared secret.
    Hs256,
    /// RSA with 2048 bits.
    Rs256,
    /// The curve P-256.
    Es256,
}

impl Keys {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Rs256, Self::Es256];

    /// As in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|keys| keys.name() == name)
    }

    /// Believes tokens that are signed with these.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub fn authenticator(self) -> Result<JwtAuthenticator, KeyError> {
        match self {
            Self::Hs256 => JwtAuthenticator::hs256(SECRET),
            Self::Rs256 => JwtAuthenticator::public_key_pem(RSA[1]),
            Self::Es256 => JwtAuthenticator::public_key_pem(P256[1]),
        }
    }

    /// A good token of the user with this id.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub fn sign(self, user: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        let (algorithm, key) = match self {
            Self::Hs256 => (Algorithm::HS256, EncodingKey::from_secret(&SECRET)),
            Self::Rs256 => (
                Algorithm::RS256,
                EncodingKey::from_rsa_pem(RSA[0].as_bytes())?,
            ),
            Self::Es256 => (
                Algorithm::ES256,
                EncodingKey::from_ec_pem(P256[0].as_bytes())?,
            ),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({ "sub": user, "jti": user, "iat": now, "exp": now + LIFETIME });
        Ok(jsonwebtoken::encode(
            &Header::new(algorithm),
            &claims,
            &key,
        )?)
    }

    /// This good token with a signature that is none. Each number gives another one, and each looks
    /// good enough to be verified to the end.
    pub fn forge(self, good: &str, number: usize) -> String {
        let (signed, signature) = good.rsplit_once('.').unwrap_or((good, ""));
        // The number in the middle, in base64 of fixed length; the ends stay as they are, so that an
        // RSA signature stays below its modulus and each half of an ECDSA one below its order.
        let digits: String = (0..8)
            .map(|place| char::from(b'A' + (number >> (4 * place) & 15) as u8))
            .collect();
        let middle = signature.len() / 4;
        let (start, rest) = signature.split_at(middle);
        format!("{signed}.{start}{digits}{}", &rest[digits.len()..])
    }
}
