//! The verifier of tokens. Without the secret nothing but the very tokens that were minted is accepted;
//! with it, only what keeps the rules; and a public key is never taken for an HMAC secret.
//!
//! Input: one byte that chooses, and what it chooses.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use bevy_bouncer::{
    Claims, JwtAuthenticator, Refusal, RefusalKind,
    fuzzing::{body, verify},
};
use hmac::{Hmac, Mac};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha2::Sha256;

const NOW: u64 = 1_800_000_000;
const LEEWAY: f64 = 5.0;
const LONGEST_LIFETIME: f64 = 86_400.0;
const SECRET: &[u8] = b"the fuzzers' secret, of 32 bytes or more";
const ISSUER: &str = "https://login.example";
const FORBIDDEN: [&str; 9] = [
    "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c",
];
/// Parts of a token that are at least so long must not be shown to anybody.
const SECRET_LENGTH: usize = 16;

static TOKENS: LazyLock<JwtAuthenticator> =
    LazyLock::new(|| rules(JwtAuthenticator::hs256(SECRET).expect("long enough")));

/// Verifiers with a public key, each with what an attacker knows of it.
static PUBLIC: LazyLock<Vec<(JwtAuthenticator, Vec<u8>)>> = LazyLock::new(|| {
    [
        &include_bytes!("../../tests/keys/p256.pub.pem")[..],
        include_bytes!("../../tests/keys/p384.pub.pem"),
        include_bytes!("../../tests/keys/ed25519.pub.pem"),
        include_bytes!("../../tests/keys/rsa.pub.pem"),
    ]
    .into_iter()
    .map(|pem| {
        let tokens = JwtAuthenticator::public_key_pem(pem).expect("a public key");
        (rules(tokens), pem.to_vec())
    })
    .collect()
});

static MINTED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (iat, exp) = (NOW - 10, NOW + 3600);
    let good = json!({
        "sub": "player-1", "jti": "t-1", "iss": ISSUER, "aud": "game", "iat": iat, "exp": exp,
    });
    let listed = json!({
        "sub": "player-2", "iss": ISSUER, "aud": ["chat", "game"], "nbf": iat, "exp": exp,
    });
    [
        (json!({"alg": "HS256", "typ": "JWT"}), good),
        (json!({"alg": "HS256", "kid": "k"}), listed),
    ]
    .map(|(header, payload)| sign(SECRET, header.to_string(), payload.to_string()))
    .into()
});

static UNAUTHORIZED: LazyLock<String> = LazyLock::new(|| body(&RefusalKind::Unauthorized.into()));

fn rules(tokens: JwtAuthenticator) -> JwtAuthenticator {
    tokens.issuer(ISSUER).audience("game")
}

fn sign(secret: &[u8], header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    hmac.update(message.as_bytes());
    let signature = BASE64.encode(hmac.finalize().into_bytes());
    format!("{message}.{signature}")
}

fuzz_target!(|input: &[u8]| {
    let [mode, input @ ..] = input else { return };
    match mode % 4 {
        0 => strangers(String::from_utf8_lossy(input).into_owned()),
        1 => strangers(edit(input)),
        2 => issuers(input),
        _ => confused(usize::from(mode / 4), input),
    }
});

/// A token from somebody who does not know the secret.
fn strangers(token: String) {
    match verified(&TOKENS, &token) {
        Ok(_) => assert!(MINTED.contains(&token), "nobody has minted {token}"),
        Err(refusal) => check_refusal(&refusal, &token),
    }
}

/// A minted token with some bytes changed, put in or taken out.
fn edit(input: &[u8]) -> String {
    let which = usize::from(input.first().copied().unwrap_or_default());
    let mut token = MINTED[which % MINTED.len()].clone().into_bytes();
    for step in input.get(1..).unwrap_or_default().chunks_exact(4) {
        let place = usize::from(u16::from_be_bytes([step[1], step[2]])) % (token.len() + 1);
        match step[0] % 4 {
            0 if place < token.len() => token[place] = step[3],
            1 => token.insert(place, step[3]),
            2 if place < token.len() => _ = token.remove(place),
            // A part of the token once more, somewhere else.
            _ => {
                let part = token[..usize::from(step[3]).min(token.len())].to_vec();
                token.splice(place..place, part);
            }
        }
    }
    String::from_utf8_lossy(&token).into_owned()
}

/// A token that the issuer signed, whatever is in it.
fn issuers(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let header = parts.next().unwrap_or_default();
    let payload = parts.next().unwrap_or_default();
    let token = sign(SECRET, header, payload);
    match verified(&TOKENS, &token) {
        Ok(claims) => {
            assert!(token.len() <= 4096);
            let read = |part| -> Value { serde_json::from_slice(part).expect("JSON") };
            check_header(&read(header));
            check_claims(&read(payload), &claims);
        }
        Err(refusal) => check_refusal(&refusal, &token),
    }
}

fn check_header(header: &Value) {
    assert_eq!(header["alg"], "HS256");
    assert!(FORBIDDEN.iter().all(|name| header.get(name).is_none()));
    if let Some(kind) = header.get("typ") {
        let kind = kind.as_str().expect("text").to_ascii_lowercase();
        assert!(["jwt", "at+jwt"].contains(&&*kind));
    }
    let short = |id: &Value| id.as_str().expect("text").len() <= 128;
    assert!(header.get("kid").is_none_or(short));
}

fn check_claims(payload: &Value, claims: &Claims) {
    let members = payload.as_object().expect("an object");
    for (name, value) in members {
        assert_eq!(claims.get(name), Some(value), "{name} is read in two ways");
    }
    let subject = payload["sub"].as_str().expect("text");
    assert_eq!(claims.subject().as_str(), subject);
    assert!((1..=128).contains(&subject.len()) && !subject.chars().any(char::is_control));
    let now = NOW as f64;
    let date = |name: &str| {
        members
            .get(name)
            .map(|date| date.as_f64().expect("a number"))
    };
    let expiry = date("exp").expect("exp is required");
    assert!(expiry + LEEWAY > now);
    assert!(date("nbf").is_none_or(|at| (0.0..=now + LEEWAY).contains(&at)));
    assert!(date("iat").is_none_or(|at| (0.0..=now + LEEWAY).contains(&at)));
    // Whole seconds are compared.
    let lifetime = expiry.floor() - date("iat").unwrap_or(now).floor();
    assert!(lifetime <= LONGEST_LIFETIME);
    assert_eq!(payload["iss"], ISSUER);
    let audience = &payload["aud"];
    let listed = |list: &Vec<Value>| list.contains(&json!("game"));
    assert!(audience == "game" || audience.as_array().is_some_and(listed));
    assert_eq!(
        claims.token_id(),
        members.get("jti").map(|id| id.as_str().expect("text"))
    );
}

/// A token that was signed with what everybody knows of a public key.
fn confused(which: usize, input: &[u8]) {
    let (tokens, public) = &PUBLIC[which % PUBLIC.len()];
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let header = parts.next().unwrap_or_default();
    let token = sign(public, header, parts.next().unwrap_or_default());
    let refusal = verified(tokens, &token).expect_err("a public key is not a secret");
    check_refusal(&refusal, &token);
}

fn verified(tokens: &JwtAuthenticator, token: &str) -> Result<Claims, Refusal> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime without I/O");
    }
    RUNTIME.with(|runtime| runtime.block_on(verify(tokens, token, NOW)))
}

/// One identical answer for all, and no part of the token in what the operator reads.
fn check_refusal(refusal: &Refusal, token: &str) {
    assert_eq!(body(refusal), *UNAUTHORIZED);
    let shown = format!("{refusal} {refusal:?}");
    for part in token.split('.').filter(|part| part.len() >= SECRET_LENGTH) {
        assert!(!shown.contains(part), "{part} is shown");
    }
}
