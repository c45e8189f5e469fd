//! Where the keys are: a key set at a URL, or what an OpenID provider says of itself.

use std::fmt;

use serde_json::Value;

use super::{
    address::KeyUrl,
    fetch::{FetchError, Fetcher},
};
use crate::{
    auth::{keys::KeySet, strict_json::parse_object},
    config::ConfigError,
};

/// Where to begin.
#[derive(Debug)]
pub(super) enum Source {
    KeySet(KeyUrl),
    /// The discovery document names the key set's URL.
    Discovery {
        issuer: String,
        document: KeyUrl,
    },
}

impl Source {
    pub fn jwks_url(url: &str) -> Result<Self, ConfigError> {
        KeyUrl::parse(url)
            .map(Self::KeySet)
            .map_err(|reason| ConfigError::new("jwks_url", reason))
    }

    pub fn discovery(issuer: &str) -> Result<Self, ConfigError> {
        let document =
            KeyUrl::of_discovery(issuer).map_err(|reason| ConfigError::new("issuer", reason))?;
        let issuer = issuer.to_owned();
        Ok(Self::Discovery { issuer, document })
    }

    /// All keys, or none.
    pub async fn load(&self, fetcher: &Fetcher) -> Result<KeySet, FetchError> {
        let json = match self {
            Self::KeySet(url) => fetcher.get(url).await?,
            Self::Discovery { issuer, document } => {
                let json = fetcher.get(document).await?;
                let url = read_document(&json, issuer, document).map_err(FetchError::Discovery)?;
                fetcher.get(&url).await?
            }
        };
        Ok(KeySet::from_jwks(json)?)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeySet(url) | Self::Discovery { document: url, .. } => url.fmt(f),
        }
    }
}

/// The URL of the key set. A document that speaks for another issuer is refused (OpenID Connect
/// Discovery 1.0 §4.3), and one that came encrypted cannot send us where nothing is.
fn read_document(json: &[u8], issuer: &str, document: &KeyUrl) -> Result<KeyUrl, &'static str> {
    let members = parse_object(json).map_err(|_| "is not a JSON object, or has a member twice")?;
    if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err("is another issuer's");
    }
    let url = members.get("jwks_uri").and_then(Value::as_str);
    let url = KeyUrl::parse(url.ok_or("has no jwks_uri")?)
        .map_err(|_| "has a jwks_uri that keys may not come from")?;
    if document.is_encrypted() && !url.is_encrypted() {
        return Err("came by https and has a jwks_uri of http");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discovery_document_must_be_the_issuers_own() {
        let issuer = "https://a.example/";
        let document = KeyUrl::of_discovery(issuer).unwrap();
        let read = |json: &str| read_document(json.as_bytes(), issuer, &document);
        let good = r#"{"issuer":"https://a.example/","jwks_uri":"https://b.example/keys"}"#;
        assert_eq!(read(good).unwrap().to_string(), "https://b.example/keys");
        for (json, reason) in [
            (
                r#"{"issuer":"https://a.example","jwks_uri":"https://b.example/keys"}"#,
                "is another issuer's",
            ),
            (
                r#"{"jwks_uri":"https://b.example/keys"}"#,
                "is another issuer's",
            ),
            (r#"{"issuer":7}"#, "is another issuer's"),
            (r#"{"issuer":"https://a.example/"}"#, "has no jwks_uri"),
            (
                r#"{"issuer":"https://a.example/","jwks_uri":["https://b.example/keys"]}"#,
                "has no jwks_uri",
            ),
            (
                r#"{"issuer":"https://a.example/","jwks_uri":"http://b.example/keys"}"#,
                "has a jwks_uri that keys may not come from",
            ),
            (
                r#"{"issuer":"https://a.example/","jwks_uri":"http://127.0.0.1/keys"}"#,
                "came by https and has a jwks_uri of http",
            ),
            (
                r#"{"issuer":"https://x","issuer":"https://a.example/","jwks_uri":"https://b"}"#,
                "is not a JSON object, or has a member twice",
            ),
            ("[]", "is not a JSON object, or has a member twice"),
            ("", "is not a JSON object, or has a member twice"),
        ] {
            assert_eq!(read(json).unwrap_err(), reason, "{json}");
        }
    }
}
