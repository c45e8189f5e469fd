//! Each rule that a token must keep has a token that breaks only this one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use bevy_bouncer::*;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret of 64 bytes or more, so that it is good for HS512 as well";
const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("keys/rsa.pub.pem");
const P256: &[u8] = include_bytes!("keys/p256.pem");
const P256_PUBLIC: &[u8] = include_bytes!("keys/p256.pub.pem");
const P384: &[u8] = include_bytes!("keys/p384.pem");
const P384_PUBLIC: &[u8] = include_bytes!("keys/p384.pub.pem");
const ED25519: &[u8] = include_bytes!("keys/ed25519.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("keys/ed25519.pub.pem");

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn claims() -> Value {
    json!({
        "sub": "player-1", "jti": "token-1", "iss": "https://login.example", "aud": "game",
        "iat": now(), "exp": now() + 600,
    })
}

fn authenticator() -> JwtAuthenticator {
    rules(JwtAuthenticator::hs256(SECRET).unwrap())
}

fn rules(authenticator: JwtAuthenticator) -> JwtAuthenticator {
    authenticator
        .issuer("https://login.example")
        .audience("game")
}

/// Signs any header and payload, as text.
fn sign_text(header: &str, payload: &str) -> String {
    let _ = authenticator(); // Installs the cryptography.
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn sign(header: &Value, payload: &Value) -> String {
    sign_text(&header.to_string(), &payload.to_string())
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

/// A token that is good but for these members of the payload. `null` removes one.
fn with_claims(changes: Value) -> String {
    let mut claims = claims();
    merge(&mut claims, changes);
    sign(&header(), &claims)
}

fn with_header(changes: Value) -> String {
    let mut header = header();
    merge(&mut header, changes);
    sign(&header, &claims())
}

fn merge(object: &mut Value, changes: Value) {
    let object = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.clone(), value.clone()),
        };
    }
}

fn verify(authenticator: &JwtAuthenticator, token: &str) -> Result<Claims, Refusal> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(authenticator.verify(token))
}

/// The token is refused for this reason, which shows nothing of it.
#[track_caller]
fn refused(token: &str, cause: &str) {
    refused_by(&authenticator(), token, cause);
}

#[track_caller]
fn refused_by(authenticator: &JwtAuthenticator, token: &str, cause: &str) {
    let refusal = verify(authenticator, token).expect_err("accepted");
    assert_eq!(refusal.cause(), Some(cause), "{token}");
    let one = Refusal::unauthorized(cause.to_owned());
    assert_eq!(refusal, one, "the client sees the one 401");
}

#[track_caller]
fn accepted(token: &str) -> Claims {
    verify(&authenticator(), token).unwrap()
}

#[test]
fn a_good_token_is_accepted_and_read() {
    let claims = accepted(&with_claims(json!({"guild": 7})));
    assert_eq!(claims.subject().as_str(), "player-1");
    assert_eq!(claims.token_id(), Some("token-1"));
    assert!(claims.expires_at() > Some(now()));
    assert!(claims.issued_at() <= now());
    assert_eq!(claims.get("guild"), Some(&json!(7)));
    accepted(&with_header(json!({"typ": null})));
    accepted(&with_header(json!({"typ": "at+jwt"})));
    accepted(&with_header(
        json!({"kid": "any", "x5t": "unknown and harmless"}),
    ));
    accepted(&with_claims(
        json!({"aud": ["other", "game"], "jti": null, "iat": null}),
    ));
    assert_eq!(accepted(&with_claims(json!({"iat": null}))).issued_at(), 0);
}

#[test]
fn a_token_of_our_issuer_is_accepted() {
    let issuer = TokenIssuer::hs256(SECRET)
        .unwrap()
        .issuer("https://login.example")
        .audience("game")
        .lifetime(Duration::from_secs(60));
    let user = UserId::new("player-1").unwrap();
    let (first, second) = (issuer.issue(&user).unwrap(), issuer.issue(&user).unwrap());
    assert_ne!(accepted(&first).token_id(), accepted(&second).token_id());
    assert_eq!(accepted(&first).subject(), &user);
}

#[test]
fn every_algorithm_works_with_its_key_and_with_no_other() {
    use Algorithm::*;
    let secret = || EncodingKey::from_secret(SECRET);
    let rsa = || EncodingKey::from_rsa_pem(RSA).unwrap();
    let pem = |key: &[u8], algorithm| KeySet::from_pem_for(key, algorithm).unwrap();
    let cases: Vec<(Algorithm, KeySet, EncodingKey)> = vec![
        (HS256, KeySet::hs256(SECRET).unwrap(), secret()),
        (HS384, KeySet::hs384(SECRET).unwrap(), secret()),
        (HS512, KeySet::hs512(SECRET).unwrap(), secret()),
        (RS256, KeySet::from_pem(RSA_PUBLIC).unwrap(), rsa()),
        (RS384, pem(RSA_PUBLIC, RS384), rsa()),
        (RS512, pem(RSA_PUBLIC, RS512), rsa()),
        (PS256, pem(RSA_PUBLIC, PS256), rsa()),
        (PS384, pem(RSA_PUBLIC, PS384), rsa()),
        (PS512, pem(RSA_PUBLIC, PS512), rsa()),
        (
            ES256,
            KeySet::from_pem(P256_PUBLIC).unwrap(),
            EncodingKey::from_ec_pem(P256).unwrap(),
        ),
        (
            ES384,
            KeySet::from_pem(P384_PUBLIC).unwrap(),
            EncodingKey::from_ec_pem(P384).unwrap(),
        ),
        (
            EdDSA,
            KeySet::from_pem(ED25519_PUBLIC).unwrap(),
            EncodingKey::from_ed_pem(ED25519).unwrap(),
        ),
    ];
    let _ = authenticator();
    let tokens: Vec<_> = cases
        .iter()
        .map(|(algorithm, _, key)| {
            let header = jsonwebtoken::Header::new(*algorithm);
            (
                *algorithm,
                jsonwebtoken::encode(&header, &claims(), key).unwrap(),
            )
        })
        .collect();
    for (algorithm, keys, _) in cases {
        let authenticator = rules(JwtAuthenticator::new(keys));
        for (signed_with, token) in &tokens {
            let verified = verify(&authenticator, token);
            if *signed_with == algorithm {
                verified.unwrap_or_else(|refusal| panic!("{algorithm:?}: {refusal}"));
            } else {
                let cause = verified.unwrap_err();
                assert_eq!(
                    cause.cause(),
                    Some("alg is not that of the key"),
                    "{algorithm:?}"
                );
            }
        }
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let authenticator = rules(JwtAuthenticator::public_key_pem(RSA_PUBLIC).unwrap());
    let forged = jsonwebtoken::encode(
        &jsonwebtoken::Header::new(Algorithm::HS256),
        &claims(),
        &EncodingKey::from_secret(RSA_PUBLIC),
    )
    .unwrap();
    refused_by(&authenticator, &forged, "alg is not that of the key");
}

#[test]
fn the_algorithm_is_pinned() {
    for alg in ["none", "None", "HS384", "RS256", "hs256", ""] {
        refused(
            &with_header(json!({"alg": alg})),
            "alg is not that of the key",
        );
    }
    refused(
        &with_header(json!({"alg": null})),
        "alg is not that of the key",
    );
    refused(
        &with_header(json!({"alg": ["HS256"]})),
        "alg is not that of the key",
    );
    let unsigned = format!(
        "{}.{}.",
        BASE64.encode(r#"{"alg":"none"}"#),
        BASE64.encode(claims().to_string())
    );
    refused(&unsigned, "not a signed token");
}

#[test]
fn header_parameters_that_change_the_meaning_are_refused() {
    for name in [
        "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c",
    ] {
        let token = with_header(json!({ (name): "x" }));
        refused(&token, "a header parameter that is not accepted");
    }
}

#[test]
fn typ_is_checked_and_can_be_required() {
    for typ in [json!("JWE"), json!("dpop+jwt"), json!(""), json!(1)] {
        refused(
            &with_header(json!({ "typ": typ })),
            "typ is neither JWT nor at+jwt",
        );
    }
    let strict = authenticator().require_type(true);
    refused_by(
        &strict,
        &with_header(json!({"typ": null})),
        "typ is missing",
    );
    verify(&strict, &with_header(json!({}))).unwrap();
}

#[test]
fn times_are_checked() {
    let after = |seconds: u64| json!(now() + seconds);
    let before = |seconds: u64| json!(now() - seconds);
    refused(&with_claims(json!({"exp": null})), "exp is missing");
    refused(&with_claims(json!({"exp": before(6)})), "expired");
    refused(&with_claims(json!({"nbf": after(10)})), "not valid yet");
    refused(
        &with_claims(json!({"iat": after(10)})),
        "issued in the future",
    );
    refused(
        &with_claims(json!({"exp": after(25 * 3600)})),
        "valid for too long",
    );
    refused(
        &with_claims(json!({"exp": after(25 * 3600), "iat": null})),
        "valid for too long",
    );
    for bad in [
        json!("1"),
        json!(-1),
        json!(1e300),
        json!(true),
        json!([1]),
        json!(u64::MAX),
    ] {
        for name in ["exp", "nbf", "iat"] {
            let token = with_claims(json!({ (name): bad.clone() }));
            refused(&token, "a time is not a number of seconds");
        }
    }
    // Within the leeway, and with fractions.
    accepted(&with_claims(json!({"exp": before(3), "iat": before(60)})));
    accepted(&with_claims(json!({"nbf": after(3), "iat": after(3)})));
    accepted(&with_claims(
        json!({"exp": now() as f64 + 60.5, "nbf": now() as f64 - 0.5}),
    ));
}

#[test]
fn issuer_and_audience_are_required_when_configured_and_never_of_the_wrong_type() {
    for iss in [
        Value::Null,
        json!("https://other.example"),
        json!(7),
        json!(["https://login.example"]),
        json!({}),
    ] {
        refused(&with_claims(json!({ "iss": iss })), "iss is not accepted");
    }
    for aud in [
        Value::Null,
        json!("other"),
        json!([]),
        json!(["game", 7]),
        json!({"game": 1}),
    ] {
        refused(&with_claims(json!({ "aud": aud })), "aud is not accepted");
    }
    let open = JwtAuthenticator::hs256(SECRET).unwrap();
    verify(&open, &with_claims(json!({"iss": null, "aud": null}))).unwrap();
    refused_by(
        &open,
        &with_claims(json!({"iss": 7})),
        "iss is not accepted",
    );
    refused_by(
        &open,
        &with_claims(json!({"aud": 7})),
        "aud is not accepted",
    );
    let two = authenticator().audience("lobby");
    verify(&two, &with_claims(json!({"aud": "lobby"}))).unwrap();
}

#[test]
fn the_subject_is_a_short_text() {
    refused(
        &with_claims(json!({"sub": null})),
        "sub is not a short text",
    );
    refused(&with_claims(json!({"sub": 7})), "sub is not a short text");
    refused(&with_claims(json!({"sub": ""})), "sub is not a user id");
    refused(
        &with_claims(json!({"sub": "a\u{0}b"})),
        "sub is not a user id",
    );
    refused(&with_claims(json!({"sub": "a\nb"})), "sub is not a user id");
    refused(
        &with_claims(json!({"sub": "x".repeat(129)})),
        "sub is not a short text",
    );
    accepted(&with_claims(json!({"sub": "x".repeat(128)})));
}

#[test]
fn the_token_id_is_a_short_text() {
    for jti in [json!(7), json!(""), json!("x".repeat(129))] {
        refused(
            &with_claims(json!({ "jti": jti })),
            "jti is not a short text",
        );
    }
}

#[test]
fn a_member_twice_is_refused() {
    let good = claims().to_string();
    let twice = good.replacen('{', r#"{"sub":"player-2","#, 1);
    refused(
        &sign_text(&header().to_string(), &twice),
        "the payload is not a JSON object",
    );
    let nested = good.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1);
    refused(
        &sign_text(&header().to_string(), &nested),
        "the payload is not a JSON object",
    );
    let header = r#"{"alg":"HS256","alg":"none"}"#;
    refused(&sign_text(header, &good), "the header is not a JSON object");
}

#[test]
fn payload_and_header_are_objects() {
    for payload in ["[]", "1", "\"x\"", "null", "", "{", "{} {}"] {
        let token = sign_text(&header().to_string(), payload);
        refused(&token, "the payload is not a JSON object");
    }
    refused(
        &sign_text("[]", &claims().to_string()),
        "the header is not a JSON object",
    );
}

#[test]
fn the_shape_is_strict() {
    let good = with_claims(json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    for token in [
        "",
        ".",
        "..",
        "a",
        "a.b",
        message,
        &format!("{good}.x"),
        &format!("{message}."),
    ] {
        assert!(verify(&authenticator(), token).is_err(), "{token:?}");
    }
    refused(
        &format!("{head}=.{payload}.{signature}"),
        "the header is not base64url",
    );
    for wrong in [
        format!("{message}.{}", &signature[..signature.len() - 1]),
        format!("{message}.{signature}="),
        format!("{message}.{}", "A".repeat(43)),
        format!("{message}. {signature}"),
        format!("{head}.{}x.{signature}", payload),
    ] {
        refused(&wrong, "the signature is wrong");
    }
    let other = EncodingKey::from_secret(b"another secret, which is long enough for HS256");
    let foreign = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims(), &other);
    refused(&foreign.unwrap(), "the signature is wrong");
    refused(
        &with_claims(json!({"x": "y".repeat(4096)})),
        "the token is too long",
    );
    refused(&"a".repeat(4097), "the token is too long");
}

fn jwk(public: &[u8], algorithm: Algorithm, changes: Value) -> Value {
    let _ = authenticator();
    let key = match algorithm {
        Algorithm::RS256 => jsonwebtoken::DecodingKey::from_rsa_pem(public),
        Algorithm::EdDSA => jsonwebtoken::DecodingKey::from_ed_pem(public),
        _ => jsonwebtoken::DecodingKey::from_ec_pem(public),
    };
    let jwk = jsonwebtoken::jwk::Jwk::from_decoding_key(&key.unwrap(), None).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    merge(&mut jwk, changes);
    jwk
}

fn rsa_jwk(changes: Value) -> Value {
    jwk(RSA_PUBLIC, Algorithm::RS256, changes)
}

fn load(keys: Vec<Value>) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(json!({ "keys": keys }).to_string())
}

#[test]
fn keys_of_a_set_are_chosen_by_their_id() {
    let keys = load(vec![
        rsa_jwk(json!({"kid": "rsa"})),
        jwk(
            P256_PUBLIC,
            Algorithm::ES256,
            json!({"kid": "p256", "use": "sig"}),
        ),
        jwk(
            P384_PUBLIC,
            Algorithm::ES384,
            json!({"kid": "p384", "alg": "ES384"}),
        ),
        jwk(
            ED25519_PUBLIC,
            Algorithm::EdDSA,
            json!({"kid": "ed", "key_ops": ["verify"]}),
        ),
    ]);
    let authenticator = rules(JwtAuthenticator::new(keys.unwrap()));
    let signed = |algorithm, key: &EncodingKey, kid: Option<&str>| {
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, &claims(), key).unwrap()
    };
    let rsa = EncodingKey::from_rsa_pem(RSA).unwrap();
    let p256 = EncodingKey::from_ec_pem(P256).unwrap();
    let p384 = EncodingKey::from_ec_pem(P384).unwrap();
    let ed = EncodingKey::from_ed_pem(ED25519).unwrap();
    for token in [
        signed(Algorithm::RS256, &rsa, Some("rsa")),
        signed(Algorithm::ES256, &p256, Some("p256")),
        signed(Algorithm::ES384, &p384, Some("p384")),
        signed(Algorithm::EdDSA, &ed, Some("ed")),
    ] {
        verify(&authenticator, &token).unwrap();
    }
    let no_key = "there is no such key";
    refused_by(
        &authenticator,
        &signed(Algorithm::RS256, &rsa, None),
        no_key,
    );
    refused_by(
        &authenticator,
        &signed(Algorithm::RS256, &rsa, Some("other")),
        no_key,
    );
    let wrong = signed(Algorithm::RS256, &rsa, Some("p256"));
    refused_by(&authenticator, &wrong, "alg is not that of the key");
    // Alone, a key takes tokens without an id, and still none with another one.
    let one = load(vec![rsa_jwk(json!({"kid": "rsa"}))]).unwrap();
    let one = rules(JwtAuthenticator::new(one));
    verify(&one, &signed(Algorithm::RS256, &rsa, None)).unwrap();
    refused_by(&one, &signed(Algorithm::RS256, &rsa, Some("other")), no_key);
    let long = "x".repeat(129);
    refused_by(
        &one,
        &signed(Algorithm::RS256, &rsa, Some(&long)),
        "kid is not a short text",
    );
}

#[test]
fn one_bad_key_refuses_the_whole_set() {
    let good = || rsa_jwk(json!({"kid": "good"}));
    let ec = |changes| jwk(P256_PUBLIC, Algorithm::ES256, changes);
    let small = jsonwebtoken::DecodingKey::from_rsa_pem(include_bytes!("keys/rsa1024.pub.pem"));
    let small = jsonwebtoken::jwk::Jwk::from_decoding_key(&small.unwrap(), None).unwrap();
    let mut small = serde_json::to_value(small).unwrap();
    merge(&mut small, json!({"kid": "small"}));
    for (name, bad) in [
        ("the same kid", rsa_jwk(json!({"kid": "good"}))),
        ("no kid", rsa_jwk(json!({}))),
        ("a long kid", rsa_jwk(json!({"kid": "x".repeat(129)}))),
        ("an empty kid", rsa_jwk(json!({"kid": ""}))),
        ("for encryption", rsa_jwk(json!({"kid": "b", "use": "enc"}))),
        (
            "for signing",
            rsa_jwk(json!({"kid": "b", "key_ops": ["sign"]})),
        ),
        (
            "for more",
            rsa_jwk(json!({"kid": "b", "key_ops": ["verify", "encrypt"]})),
        ),
        (
            "an algorithm of another kind",
            rsa_jwk(json!({"kid": "b", "alg": "ES256"})),
        ),
        (
            "HMAC with a public key",
            rsa_jwk(json!({"kid": "b", "alg": "HS256"})),
        ),
        (
            "an unknown algorithm",
            rsa_jwk(json!({"kid": "b", "alg": "RSA-OAEP"})),
        ),
        ("alg is no text", rsa_jwk(json!({"kid": "b", "alg": 7}))),
        (
            "another curve's algorithm",
            ec(json!({"kid": "b", "alg": "ES384"})),
        ),
        ("another curve", ec(json!({"kid": "b", "crv": "P-384"}))),
        (
            "an unknown curve",
            ec(json!({"kid": "b", "crv": "secp256k1"})),
        ),
        (
            "an unknown kind",
            rsa_jwk(json!({"kid": "b", "kty": "XYZ"})),
        ),
        ("no modulus", rsa_jwk(json!({"kid": "b", "n": null}))),
        ("exponent 1", rsa_jwk(json!({"kid": "b", "e": "AQ"}))),
        ("a private key", rsa_jwk(json!({"kid": "b", "d": "AQAB"}))),
        (
            "a symmetric key",
            json!({"kid": "b", "kty": "oct", "k": BASE64.encode(SECRET)}),
        ),
        ("a short modulus", small),
        ("no object", json!("key")),
    ] {
        let error = load(vec![good(), bad]).expect_err(name);
        assert!(
            matches!(error, KeyError::Key { index: 1, .. }),
            "{name}: {error}"
        );
    }
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert!(
            matches!(KeySet::from_jwks(bad), Err(KeyError::KeySet(_))),
            "{bad}"
        );
    }
    let huge = format!("{}{}", " ".repeat(256 * 1024), json!({"keys": [good()]}));
    assert!(matches!(KeySet::from_jwks(huge), Err(KeyError::KeySet(_))));
    let many = (0..65)
        .map(|number| rsa_jwk(json!({"kid": number.to_string()})))
        .collect();
    assert!(matches!(load(many), Err(KeyError::KeySet(_))));
    load(vec![good()]).expect("and without them it is fine");
}

#[test]
fn unsuitable_keys_are_refused_at_start() {
    assert!(matches!(
        KeySet::hs256([0; 31]),
        Err(KeyError::ShortSecret {
            needed: 32,
            got: 31,
            ..
        })
    ));
    assert!(matches!(
        KeySet::hs384([0; 47]),
        Err(KeyError::ShortSecret { .. })
    ));
    assert!(matches!(
        KeySet::hs512([0; 63]),
        Err(KeyError::ShortSecret { .. })
    ));
    assert!(matches!(
        KeySet::from_pem("nonsense"),
        Err(KeyError::Pem(_))
    ));
    for private in [RSA, P256, ED25519] {
        assert_eq!(
            KeySet::from_pem(private).unwrap_err(),
            KeyError::Pem("this is a private key")
        );
    }
    let small = include_bytes!("keys/rsa1024.pub.pem");
    assert_eq!(
        KeySet::from_pem(small).unwrap_err(),
        KeyError::RsaLength(1024)
    );
    assert!(KeySet::from_pem(include_bytes!("keys/p521.pub.pem")).is_err());
    let wrong = KeySet::from_pem_for(P256_PUBLIC, Algorithm::RS256);
    assert_eq!(
        wrong.unwrap_err(),
        KeyError::WrongAlgorithm(Algorithm::RS256)
    );
    assert!(KeySet::from_pem_for(RSA_PUBLIC, Algorithm::HS256).is_err());
    let shown = format!("{:?}", KeySet::hs256(SECRET).unwrap());
    assert_eq!(shown, "{HS256}", "nothing of the key");
}

#[test]
fn users_are_looked_up_after_the_token_is_verified() {
    let request = |token: &str| HandshakeRequest::for_test(Some(Credential::new(token)));
    let authenticate = |directory: MapDirectory, token: &str| {
        let authenticator = authenticator().users(directory);
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(authenticator.authenticate(&request(token)))
    };
    let users = MapDirectory::new([User::new("player-1", "Ann").unwrap()]);
    let token = with_claims(json!({}));
    let admission = authenticate(users.clone(), &token).unwrap();
    assert_eq!(admission.user().name(), "Ann");
    users.bar(UserId::new("player-1").unwrap());
    let barred = authenticate(users.clone(), &token).unwrap_err();
    assert_eq!(barred.kind(), RefusalKind::Banned);
    users.remove(&UserId::new("player-1").unwrap());
    let missing = authenticate(users, &token).unwrap_err();
    assert_eq!(missing.kind(), RefusalKind::Unauthorized);
}

#[test]
fn a_directory_that_fails_or_finds_somebody_else_lets_nobody_in() {
    let request = HandshakeRequest::for_test(Some(Credential::new(with_claims(json!({})))));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let failing =
        authenticator().users(|_: &Claims| Err(DirectoryError::Failed("the disk is full".into())));
    let refusal = runtime
        .block_on(failing.authenticate(&request))
        .unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Unavailable);
    assert!(
        !refusal.message().contains("disk"),
        "the client does not learn why"
    );
    let confused =
        authenticator().users(|_: &Claims| Ok(Standing::active(User::new("player-2", "Ben")?)));
    let refusal = runtime
        .block_on(confused.authenticate(&request))
        .unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Unavailable);
}

#[test]
fn iat_can_be_required() {
    let strict = || authenticator().require_issued_at(true);
    let token = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        sign(&header(), &claims)
    };
    let with = token(&|_| ());
    let without = token(&|claims| {
        claims.as_object_mut().unwrap().remove("iat");
    });
    let verified = |tokens: &JwtAuthenticator, token: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(tokens.verify(token)).is_ok()
    };
    assert!(verified(&strict(), &with));
    assert!(!verified(&strict(), &without));
    assert!(
        verified(&authenticator(), &without),
        "by default it may miss"
    );
}
