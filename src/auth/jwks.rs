//! JSON Web Key Sets (RFC 7517), all or nothing.

use std::collections::HashSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{
    keys::{KEY_ID_MAX_BYTES, KeyError, VerifyingKey, check_modulus},
    strict_json::parse_object,
};

/// Longest key set in bytes.
const SET_MAX_BYTES: usize = 256 * 1024;
/// Most keys in a set.
const SET_MAX_KEYS: usize = 64;
/// What is wrong with a key is told in so many bytes, however much of the key it quotes.
const REASON_MAX_BYTES: usize = 160;

/// Members of private and symmetric keys (RFC 7518 §6).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "seed"];

/// All keys of a set, each with a `kid` of its own, or a single one that may have none.
pub(super) fn parse(json: &[u8]) -> Result<Vec<VerifyingKey>, KeyError> {
    let bad = |reason: &str| KeyError::KeySet(reason.to_owned());
    if json.len() > SET_MAX_BYTES {
        return Err(bad("longer than 256 KiB"));
    }
    let set = parse_object(json).map_err(bad)?;
    let Some(Value::Array(listed)) = set.get("keys") else {
        return Err(bad("there is no list of keys"));
    };
    if listed.is_empty() || listed.len() > SET_MAX_KEYS {
        return Err(bad("there must be 1 to 64 keys"));
    }
    let mut names = HashSet::new();
    let mut keys = Vec::with_capacity(listed.len());
    for (index, jwk) in listed.iter().enumerate() {
        let refuse = |mut reason: String| {
            reason.truncate(reason.floor_char_boundary(REASON_MAX_BYTES));
            KeyError::Key { index, reason }
        };
        let key = parse_key(jwk).map_err(refuse)?;
        if key.id.is_none() && listed.len() > 1 {
            return Err(refuse(
                "needs a kid, because there are several keys".to_owned(),
            ));
        }
        if !names.insert(key.id.clone()) {
            return Err(refuse("its kid is there twice".to_owned()));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn parse_key(jwk: &Value) -> Result<VerifyingKey, String> {
    let Value::Object(jwk) = jwk else {
        return Err("not an object".to_owned());
    };
    if let Some(secret) = SECRET_MEMBERS.iter().find(|name| jwk.contains_key(**name)) {
        return Err(format!("{secret} is a member of private or symmetric keys"));
    }
    check_use(jwk)?;
    let id = text(jwk, "kid")?;
    if id.is_some_and(|id| id.is_empty() || id.len() > KEY_ID_MAX_BYTES) {
        return Err(format!("kid must have 1 to {KEY_ID_MAX_BYTES} bytes"));
    }
    let (key, allowed) = match required(jwk, "kty")? {
        "RSA" => rsa(jwk)?,
        "EC" => elliptic_curve(jwk)?,
        "OKP" => edwards_curve(jwk)?,
        other => return Err(format!("kty {other:?} is not supported")),
    };
    let algorithm = match text(jwk, "alg")? {
        None => allowed[0],
        Some(name) => *allowed
            .iter()
            .find(|algorithm| format!("{algorithm:?}") == name)
            .ok_or_else(|| format!("alg {name:?} does not fit the key"))?,
    };
    Ok(VerifyingKey {
        id: id.map(Into::into),
        algorithm,
        key,
    })
}

/// The key must be for verifying signatures (RFC 7517 §4.2 and §4.3).
fn check_use(jwk: &Map<String, Value>) -> Result<(), String> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("use is not \"sig\"".to_owned());
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations == &[Value::from("verify")] => Ok(()),
        Some(_) => Err("key_ops is not [\"verify\"]".to_owned()),
    }
}

fn rsa(jwk: &Map<String, Value>) -> Result<(DecodingKey, &'static [Algorithm]), String> {
    let modulus = binary(jwk, "n")?;
    let exponent = binary(jwk, "e")?;
    check_modulus(&modulus).map_err(|error| error.to_string())?;
    // 65537 is what everybody uses; 3 and other small ones have a history of broken padding checks.
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !odd || exponent.len() < 3 || exponent.len() > 8 {
        return Err("e must be odd and have 3 to 8 bytes".to_owned());
    }
    let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    use Algorithm::*;
    Ok((key, &[RS256, RS384, RS512, PS256, PS384, PS512]))
}

fn elliptic_curve(jwk: &Map<String, Value>) -> Result<(DecodingKey, &'static [Algorithm]), String> {
    let (length, allowed): (_, &[_]) = match required(jwk, "crv")? {
        "P-256" => (32, &[Algorithm::ES256]),
        "P-384" => (48, &[Algorithm::ES384]),
        other => return Err(format!("crv {other:?} is not supported")),
    };
    if binary(jwk, "x")?.len() != length || binary(jwk, "y")?.len() != length {
        return Err(format!("x and y must have {length} bytes"));
    }
    let key = DecodingKey::from_ec_components(required(jwk, "x")?, required(jwk, "y")?)
        .map_err(|_| "x and y are not a key".to_owned())?;
    Ok((key, allowed))
}

fn edwards_curve(jwk: &Map<String, Value>) -> Result<(DecodingKey, &'static [Algorithm]), String> {
    if required(jwk, "crv")? != "Ed25519" {
        return Err("crv is not Ed25519".to_owned());
    }
    if binary(jwk, "x")?.len() != 32 {
        return Err("x must have 32 bytes".to_owned());
    }
    let key = DecodingKey::from_ed_components(required(jwk, "x")?)
        .map_err(|_| "x is not a key".to_owned())?;
    Ok((key, &[Algorithm::EdDSA]))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} is not text")),
    }
}

fn required<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    text(jwk, name)?.ok_or_else(|| format!("{name} is missing"))
}

fn binary(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    BASE64_URL_SAFE_NO_PAD
        .decode(required(jwk, name)?)
        .map_err(|_| format!("{name} is not base64url"))
}
