//! Which web pages may connect.
//!
//! Browsers send `Origin` with every upgrade and scripts cannot change it, so it keeps other sites'
//! pages from using a visitor's browser. Native clients have none and are not asked for one.

use thiserror::Error;
use tokio_tungstenite::tungstenite::http::{HeaderMap, header::ORIGIN};

use super::authority::Authority;
use crate::identity::{Refusal, RefusalKind};

/// A text that cannot stand on the list of origins.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidOrigin {
    #[error("{0:?} is not an origin (scheme://host[:port])")]
    Malformed(String),
    #[error("{0:?} is not the origin of a web page (use http or https)")]
    NotOfAPage(String),
}

/// The origins on the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedOrigins(Vec<Origin>);

impl AllowedOrigins {
    /// Reads a list of origins.
    ///
    /// # Errors
    /// The first one that is malformed, or that no web page has.
    pub fn new(origins: &[String]) -> Result<Self, InvalidOrigin> {
        let read = |text: &String| match Origin::parse(text) {
            Some(origin) if matches!(&*origin.scheme, "ws" | "wss") => {
                Err(InvalidOrigin::NotOfAPage(text.clone()))
            }
            Some(origin) => Ok(origin),
            None => Err(InvalidOrigin::Malformed(text.clone())),
        };
        origins.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no web page may connect.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request with this `Origin` may go on. Without one it may.
    pub fn allows(&self, header: Option<&str>) -> bool {
        match header {
            None => true,
            Some(text) => Origin::parse(text).is_some_and(|origin| self.0.contains(&origin)),
        }
    }

    /// The request's `Origin`, when it has one and it is on the list. It is safe to send back.
    ///
    /// # Errors
    /// 403 when it is not on the list, or malformed.
    pub fn check<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = headers.get(ORIGIN) else {
            return Ok(None);
        };
        match value.to_str() {
            Ok(origin) if self.allows(Some(origin)) => Ok(Some(origin)),
            _ => Err(RefusalKind::OriginNotAllowed.into()),
        }
    }
}

/// An origin (RFC 6454 §4) with its default port filled in, so that equal means same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    /// `null`, which every sandboxed page sends, is not one.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        if !is_scheme(scheme) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = Authority::parse(authority)?;
        authority.port = authority.port.or(match &*scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Some(Self { scheme, authority })
    }
}

/// RFC 3986 §3.1. Packaged web views have schemes of their own.
fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    fn list(origins: &[&str]) -> AllowedOrigins {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        AllowedOrigins::new(&origins).unwrap()
    }

    #[test]
    fn scheme_host_and_port_must_all_match() {
        let origins = list(&[
            "https://Game.example",
            "http://[0::1]:8080",
            "tauri://localhost",
        ]);
        for same in [
            "https://game.example",
            "https://game.example:443",
            "http://[::1]:8080",
            "tauri://localhost",
        ] {
            assert!(origins.allows(Some(same)), "{same}");
        }
        for other in [
            "",
            "null",
            "http://game.example",
            "https://game.example:444",
            "https://game.example.",
            "https://game.example/",
            "https://game.example.evil",
            "https://evil.game.example",
            "https://evilgame.example",
            "https://game.example@evil",
            "https://evil#https://game.example",
            "https://game.example https://evil",
            "https://game.example, https://evil",
            " https://game.example",
            "game.example",
            "http://[::1]",
            "//game.example",
            "tauri://localhost:443",
        ] {
            assert!(!origins.allows(Some(other)), "{other}");
        }
    }

    #[test]
    fn a_request_without_an_origin_is_allowed_and_an_empty_list_allows_no_page() {
        assert!(list(&[]).allows(None));
        assert!(!list(&[]).allows(Some("https://game.example")));
    }

    #[test]
    fn a_header_that_is_not_text_is_refused() {
        let mut headers = HeaderMap::new();
        let origins = list(&["https://game.example"]);
        assert_eq!(origins.check(&headers), Ok(None));
        headers.insert(ORIGIN, HeaderValue::from_static("https://game.example"));
        assert_eq!(origins.check(&headers), Ok(Some("https://game.example")));
        headers.insert(
            ORIGIN,
            HeaderValue::from_bytes(b"https://game.example\xff").unwrap(),
        );
        let refusal = origins.check(&headers).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::OriginNotAllowed);
    }

    #[test]
    fn the_configured_list_is_checked() {
        for bad in [
            "null",
            "*",
            "game.example",
            "https://*.game.example",
            "https://game.example/",
            "https://game.example/page",
            "https://me@game.example",
            "https://",
            "https://game.example:",
            "1://a",
        ] {
            let error = AllowedOrigins::new(&[bad.to_owned()]).unwrap_err();
            assert_eq!(error, InvalidOrigin::Malformed(bad.to_owned()));
        }
        for socket in ["ws://game.example", "wss://game.example"] {
            let error = AllowedOrigins::new(&[socket.to_owned()]).unwrap_err();
            assert_eq!(error, InvalidOrigin::NotOfAPage(socket.to_owned()));
        }
    }
}
