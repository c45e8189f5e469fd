//! A login service with its own key pair.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// A key pair for these tests only (Ed25519).
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIB1evz49fLVauXgJS+nlRCF/kddrCwNlZJObUzJse9q+
-----END PRIVATE KEY-----
";
/// The public key in PEM.
pub const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAONHPcmvRXLap+BFDEZk3ZPPBerx03dY4sGA40AUtxVc=
-----END PUBLIC KEY-----
";
/// The public key as a key set.
pub const PUBLIC_JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA",
"kid":"k1","x":"ONHPcmvRXLap-BFDEZk3ZPPBerx03dY4sGA40AUtxVc"}]}"#;

/// A token for this user.
pub fn token(user: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({
        "iss": "https://issuer.example",
        "aud": "game",
        "sub": user,
        "iat": now.as_secs(),
        "exp": now.as_secs() + 60,
    });
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("k1".to_owned());
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes()).unwrap();
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}
