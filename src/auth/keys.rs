//! The keys that tokens are verified with. A key decides its algorithm; a token never does.

use std::{collections::HashMap, fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use thiserror::Error;

/// Longest `kid` in bytes.
pub(super) const KEY_ID_MAX_BYTES: usize = 128;
/// Fewest bits of an RSA modulus (RFC 7518 §3.3).
const RSA_MIN_BITS: usize = 2048;
/// Most bits of an RSA modulus: verifying gets slow beyond.
const RSA_MAX_BITS: usize = 8192;

/// Why a key or a key set is refused. A set is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An HMAC secret that is shorter than the hash (RFC 7518 §3.2).
    #[error("the secret has {got} bytes, {algorithm:?} needs at least {needed}")]
    ShortSecret {
        /// Its algorithm.
        algorithm: Algorithm,
        /// The fewest bytes.
        needed: usize,
        /// The bytes it has.
        got: usize,
    },
    /// Not a PEM public key of a supported kind. Private keys are refused as well.
    #[error("not a PEM public key (RSA, EC P-256 or P-384, Ed25519): {0}")]
    Pem(&'static str),
    /// The key cannot be used with the algorithm that was asked for.
    #[error("the key cannot be used with {0:?}")]
    WrongAlgorithm(Algorithm),
    /// An RSA key of a length that is not accepted.
    #[error("an RSA key has {RSA_MIN_BITS} to {RSA_MAX_BITS} bits, this one has {0}")]
    RsaLength(usize),
    /// Not a JSON Web Key Set (RFC 7517 §5).
    #[error("not a key set: {0}")]
    KeySet(String),
    /// One key of a set cannot be used, so none of them is.
    #[error("key {index} of the set: {reason}")]
    Key {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Keys by their `kid`, each with its one algorithm.
pub struct KeySet {
    keys: HashMap<Option<Arc<str>>, Arc<VerifyingKey>>,
}

/// A key and what it verifies.
pub(super) struct VerifyingKey {
    /// Its name, the `kid`. A secret and a PEM key have none.
    pub id: Option<Arc<str>>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

impl KeySet {
    /// One HMAC secret of at least 32 bytes for HS256.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::HS256, 32, secret.as_ref())
    }

    /// One HMAC secret of at least 48 bytes for HS384.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::HS384, 48, secret.as_ref())
    }

    /// One HMAC secret of at least 64 bytes for HS512.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::HS512, 64, secret.as_ref())
    }

    /// One PEM public key: RSA for RS256, EC P-256 for ES256, EC P-384 for ES384, Ed25519 for EdDSA.
    ///
    /// # Errors
    /// [`KeyError::Pem`] for anything else, a private key included; [`KeyError::RsaLength`].
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (key, algorithm) = read_pem(pem.as_ref())?;
        Ok(Self::one(key, algorithm))
    }

    /// One PEM public key for this algorithm: for RSA keys one of RS256, RS384, RS512, PS256, PS384,
    /// PS512.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`KeyError::WrongAlgorithm`].
    pub fn from_pem_for(pem: impl AsRef<[u8]>, algorithm: Algorithm) -> Result<Self, KeyError> {
        let (key, natural) = read_pem(pem.as_ref())?;
        let fits = if natural.family() == AlgorithmFamily::Rsa {
            algorithm.family() == AlgorithmFamily::Rsa
        } else {
            algorithm == natural
        };
        if !fits {
            return Err(KeyError::WrongAlgorithm(algorithm));
        }
        Ok(Self::one(key, algorithm))
    }

    /// A JSON Web Key Set (RFC 7517) of public keys, at most 256 KiB and 64 keys.
    ///
    /// # Errors
    /// [`KeyError::KeySet`] and [`KeyError::Key`]: one key that cannot be used refuses them all.
    pub fn from_jwks(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let keys = super::jwks::parse(json.as_ref())?;
        let by_id = |key: VerifyingKey| (key.id.clone(), Arc::new(key));
        Ok(Self {
            keys: keys.into_iter().map(by_id).collect(),
        })
    }

    fn hmac(algorithm: Algorithm, needed: usize, secret: &[u8]) -> Result<Self, KeyError> {
        let got = secret.len();
        if got < needed {
            return Err(KeyError::ShortSecret {
                algorithm,
                needed,
                got,
            });
        }
        Ok(Self::one(DecodingKey::from_secret(secret), algorithm))
    }

    fn one(key: DecodingKey, algorithm: Algorithm) -> Self {
        let key = VerifyingKey {
            id: None,
            algorithm,
            key,
        };
        Self {
            keys: HashMap::from([(None, Arc::new(key))]),
        }
    }

    /// The key that a token with this `kid` must be signed with. A token without one is accepted when
    /// there is one key; an unknown one never means "any". A single key without a `kid` of its own
    /// (a secret, a PEM key) takes tokens whatever their `kid`.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Arc<VerifyingKey>> {
        if self.keys.len() == 1
            && let Some((name, key)) = self.keys.iter().next()
            && (kid.is_none() || name.is_none())
        {
            return Some(key);
        }
        self.keys.get(&Some(kid?.into()))
    }

    /// Every key's `kid` and algorithm.
    #[cfg(fuzzing)]
    pub(crate) fn entries(&self) -> Vec<(Option<String>, Algorithm)> {
        let name = |id: &Option<Arc<str>>| id.as_deref().map(str::to_owned);
        let entries = self.keys.iter();
        entries.map(|(id, key)| (name(id), key.algorithm)).collect()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.keys.values().map(|key| key.algorithm);
        f.debug_set().entries(algorithms).finish()
    }
}

/// Whether a modulus has a length that is accepted.
pub(super) fn check_modulus(modulus: &[u8]) -> Result<(), KeyError> {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let bits = match modulus.get(zeros) {
        Some(first) => (modulus.len() - zeros) * 8 - first.leading_zeros() as usize,
        None => 0,
    };
    match bits {
        RSA_MIN_BITS..=RSA_MAX_BITS => Ok(()),
        bits => Err(KeyError::RsaLength(bits)),
    }
}

fn read_pem(pem: &[u8]) -> Result<(DecodingKey, Algorithm), KeyError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyError::Pem("this is a private key"));
    }
    if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
        check_modulus(&rsa_modulus(&key)?)?;
        return Ok((key, Algorithm::RS256));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        // An uncompressed point: one byte and two coordinates (SEC 1 §2.3.3).
        return match key.try_get_as_bytes().map(<[u8]>::len) {
            Ok(65) => Ok((key, Algorithm::ES256)),
            Ok(97) => Ok((key, Algorithm::ES384)),
            _ => Err(KeyError::Pem("the curve is neither P-256 nor P-384")),
        };
    }
    match DecodingKey::from_ed_pem(pem) {
        Ok(key) if key.try_get_as_bytes().is_ok_and(|key| key.len() == 32) => {
            Ok((key, Algorithm::EdDSA))
        }
        Ok(_) => Err(KeyError::Pem("the curve is not Ed25519")),
        Err(_) => Err(KeyError::Pem("it cannot be read")),
    }
}

fn rsa_modulus(key: &DecodingKey) -> Result<Vec<u8>, KeyError> {
    if let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() {
        return Ok(n.clone());
    }
    let unreadable = KeyError::Pem("the RSA key cannot be read");
    let jwk = jsonwebtoken::jwk::Jwk::from_decoding_key(key, Some(Algorithm::RS256))
        .map_err(|_| unreadable.clone())?;
    match jwk.algorithm {
        jsonwebtoken::jwk::AlgorithmParameters::RSA(parameters) => BASE64_URL_SAFE_NO_PAD
            .decode(parameters.n)
            .map_err(|_| unreadable),
        _ => Err(unreadable),
    }
}
