//! Which URLs keys may come from.

use std::fmt;

use hyper::Uri;
use url::{Host, Url};

/// Longest URL in bytes.
const URL_MAX_BYTES: usize = 2048;

/// An `https` URL, or an `http` one of this very machine. Shown without its query, which may be a
/// secret.
#[derive(Clone)]
pub(super) struct KeyUrl {
    url: Url,
    uri: Uri,
}

impl KeyUrl {
    /// Reads a URL. An error tells the rule that it breaks, and nothing of its content.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > URL_MAX_BYTES {
            return Err("is longer than 2048 bytes");
        }
        // The parser would drop them without a word.
        if text
            .chars()
            .any(|each| each.is_whitespace() || each.is_control())
        {
            return Err("must not have white space in it");
        }
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err("has no host"),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            return Err("must be an https URL (http is for loopback hosts only)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a user name or password in it");
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment");
        }
        let uri = url.as_str().parse().map_err(|_| "is not a URL")?;
        Ok(Self { url, uri })
    }

    /// Where an issuer's discovery document is (OpenID Connect Discovery 1.0 §4).
    pub fn of_discovery(issuer: &str) -> Result<Self, &'static str> {
        if Self::parse(issuer)?.url.query().is_some() {
            return Err("must not have a query");
        }
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        Self::parse(&format!("{issuer}/.well-known/openid-configuration"))
    }

    /// Whether it is an `https` URL.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL as the HTTP client wants it.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.url.origin().ascii_serialization();
        write!(f, "{origin}{}", self.url.path())
    }
}

impl fmt::Debug for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_for_all_hosts_and_http_for_this_machine() {
        for good in [
            "https://login.example/keys",
            "https://login.example:8443",
            "https://192.0.2.1/keys?policy=a",
            "http://127.0.0.1:8080/keys",
            "http://127.1.2.3/",
            "http://[::1]:8080/keys",
            "http://localhost/keys",
        ] {
            assert!(KeyUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://login.example/keys",
            "http://192.168.0.1/keys",
            "http://[::ffff:127.0.0.1]/keys",
            "http://0.0.0.0/keys",
            "http://localhost.example/keys",
            "http://127.0.0.1.example/keys",
            "http://127.0.0.1@login.example/keys",
            "ftp://127.0.0.1/keys",
            "file:///etc/keys",
            "unix:/run/keys",
        ] {
            let error = KeyUrl::parse(bad).unwrap_err();
            assert!(
                error.contains("https") || error.contains("host"),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn what_else_a_url_must_not_be() {
        let long = format!("https://login.example/{}", "x".repeat(2048));
        for bad in [
            "",
            "keys",
            "//login.example/keys",
            "https://",
            "https://user@login.example/keys",
            "https://:password@login.example/keys",
            "https://login.example/keys#1",
            "https://login.example/ke ys",
            " https://login.example/keys",
            "https://login.example/keys\n",
            "https://login.example:99999/keys",
            &long,
        ] {
            let error = KeyUrl::parse(bad).expect_err(bad);
            assert!(!error.contains("password@"), "nothing of the URL");
        }
    }

    #[test]
    fn p12_a_query_is_not_shown() {
        let url = KeyUrl::parse("https://login.example:8443/keys?code=hidden").unwrap();
        assert_eq!(url.to_string(), "https://login.example:8443/keys");
        assert_eq!(format!("{url:?}"), "https://login.example:8443/keys");
        assert_eq!(url.uri().query(), Some("code=hidden"), "but it is sent");
    }

    #[test]
    fn the_discovery_document_is_below_the_issuer() {
        for (issuer, document) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/realms/game",
                "https://a.example/realms/game/.well-known/openid-configuration",
            ),
        ] {
            let url = KeyUrl::of_discovery(issuer).unwrap();
            assert_eq!(url.to_string(), document);
        }
        assert!(KeyUrl::of_discovery("https://a.example/?tenant=1").is_err());
        assert!(KeyUrl::of_discovery("http://a.example").is_err());
    }
}
