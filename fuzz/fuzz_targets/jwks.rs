//! The loader of key sets: all or nothing. What is loaded has been read a second time, leniently, and
//! every key of it is fit for verifying, and has an algorithm of its own.

#![no_main]

use std::collections::HashSet;

use bevy_bouncer::{Algorithm, KeySet, fuzzing::keys};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|json: &[u8]| {
    let Ok(set) = KeySet::from_jwks(json) else {
        return;
    };
    let loaded = keys(&set);
    let document: Value = serde_json::from_slice(json).expect("what was loaded is JSON");
    let listed = document["keys"].as_array().expect("a list");
    assert_eq!(loaded.len(), listed.len(), "all or nothing");
    assert!((1..=64).contains(&listed.len()));
    let ids: HashSet<_> = loaded.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), loaded.len());
    for jwk in listed {
        let jwk = jwk.as_object().expect("an object");
        for secret in ["k", "d", "p", "q", "dp", "dq", "qi", "oth"] {
            assert!(!jwk.contains_key(secret), "a secret was loaded");
        }
        assert!(jwk.get("use").is_none_or(|purpose| purpose == "sig"));
        let may_verify = |operations: &Value| operations == &serde_json::json!(["verify"]);
        assert!(jwk.get("key_ops").is_none_or(may_verify));
        let id = jwk
            .get("kid")
            .map(|id| id.as_str().expect("text").to_owned());
        assert!(id.is_some() || listed.len() == 1);
        let found = loaded.iter().find(|(loaded, _)| *loaded == id);
        let (_, algorithm) = found.expect("the key was loaded");
        check_algorithm(jwk, *algorithm);
    }
});

fn check_algorithm(jwk: &serde_json::Map<String, Value>, algorithm: Algorithm) {
    use Algorithm::*;
    let word = |name: &str| jwk.get(name).and_then(Value::as_str);
    let fits: &[Algorithm] = match (word("kty"), word("crv")) {
        (Some("RSA"), _) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        (Some("EC"), Some("P-256")) => &[ES256],
        (Some("EC"), Some("P-384")) => &[ES384],
        (Some("OKP"), Some("Ed25519")) => &[EdDSA],
        other => panic!("{other:?} was loaded"),
    };
    match word("alg") {
        Some(name) => assert_eq!(name, format!("{algorithm:?}")),
        None => assert_eq!(algorithm, fits[0]),
    }
    assert!(fits.contains(&algorithm));
    let length = |name: &str| word(name).map_or(0, str::len);
    match word("kty") {
        // 2048 bits are 342 characters.
        Some("RSA") => assert!(length("n") >= 342 && length("e") >= 4),
        Some("EC") if algorithm == ES384 => assert_eq!((length("x"), length("y")), (64, 64)),
        Some("EC") => assert_eq!((length("x"), length("y")), (43, 43)),
        _ => assert_eq!(length("x"), 43),
    }
}
