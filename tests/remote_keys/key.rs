//! Key pairs, as an issuer has them.

use bevy_bouncer::JwtAuthenticator;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use crate::support::{SECRET, claims};

const P256: [&[u8]; 2] = [
    include_bytes!("../keys/p256.pem"),
    include_bytes!("../keys/p256.pub.pem"),
];
const P384: [&[u8]; 2] = [
    include_bytes!("../keys/p384.pem"),
    include_bytes!("../keys/p384.pub.pem"),
];

/// A key with its name.
pub struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    pems: [&'static [u8]; 2],
}

pub fn old_key() -> Key {
    Key::new("old", Algorithm::ES256, P256)
}

pub fn new_key() -> Key {
    Key::new("new", Algorithm::ES384, P384)
}

impl Key {
    fn new(kid: &'static str, algorithm: Algorithm, pems: [&'static [u8]; 2]) -> Self {
        // Installs the cryptography.
        JwtAuthenticator::hs256(SECRET).unwrap();
        Self {
            kid,
            algorithm,
            pems,
        }
    }

    /// The public half, as a key set lists it.
    pub fn jwk(&self) -> Value {
        let key = DecodingKey::from_ec_pem(self.pems[1]).unwrap();
        let mut jwk = serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap();
        jwk["kid"] = self.kid.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A good token.
    pub fn token(&self) -> String {
        self.sign(&claims("player-1"))
    }

    /// The same by this issuer.
    pub fn token_by(&self, issuer: &str) -> String {
        let mut claims = claims("player-1");
        claims["iss"] = issuer.into();
        self.sign(&claims)
    }

    /// A good token that says it is signed with another key.
    pub fn token_naming(&self, kid: &str) -> String {
        self.sign_as(Some(kid), &claims("player-1"))
    }

    /// A good token that does not say which key it is signed with.
    pub fn token_without_name(&self) -> String {
        self.sign_as(None, &claims("player-1"))
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(self.kid), claims)
    }

    fn sign_as(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        let key = EncodingKey::from_ec_pem(self.pems[0]).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// A key set of these keys.
pub fn key_set(keys: &[&Key]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}
