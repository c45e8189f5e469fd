//! The request as an authenticator sees it.

use std::{fmt, net::SocketAddr};

use subtle::ConstantTimeEq;
use tokio_tungstenite::tungstenite::http::HeaderMap;

use crate::identity::Refusal;

/// A secret from the request. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Credential(String);

impl Credential {
    /// Wraps a bearer token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Takes a text that can be a token or a ticket at all.
    ///
    /// # Errors
    /// 401 when the text is longer than `max_bytes`, or has characters that no token has.
    pub(crate) fn checked(text: &str, max_bytes: usize) -> Result<Self, Refusal> {
        if !is_token68(text) {
            let cause = "the credential is neither a bearer token nor a ticket";
            return Err(Refusal::unauthorized(cause));
        }
        if text.len() > max_bytes {
            let cause = "the token is longer than limits.token_bytes";
            return Err(Refusal::unauthorized(cause));
        }
        Ok(Self::new(text))
    }

    /// The token itself. Do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn matches(&self, expected: &str) -> bool {
        self.0.as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// `token68` of RFC 9110 §11.2.
fn is_token68(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let digits = text.trim_end_matches('=');
    !digits.is_empty() && digits.bytes().all(allowed)
}

/// A well-formed request that passed the cheap checks, on its way through the
/// [`Authenticator`](crate::Authenticator).
pub struct HandshakeRequest {
    pub(crate) peer: SocketAddr,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) credential: Option<Credential>,
}

impl HandshakeRequest {
    /// A request as a test of an authenticator would make it.
    pub fn for_test(credential: Option<Credential>) -> Self {
        Self {
            peer: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: "/ws".to_owned(),
            headers: HeaderMap::new(),
            credential,
        }
    }

    /// The address of the client: the peer of the socket, or for whom one of the
    /// [`trusted_proxies`](crate::BouncerConfig::trusted_proxies) speaks. Then the port is 0 unless
    /// the proxy tells it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A header field's value, when it is there and visible ASCII. The fields that may carry a
    /// secret (`Authorization`, `Proxy-Authorization`, `Cookie`, `Sec-WebSocket-Protocol`) are not
    /// among them: the token is in [`credential`](Self::credential), from wherever it came. Nor are
    /// `X-Forwarded-For` and `Forwarded`: see [`peer`](Self::peer).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The one credential of the request, wherever it came from. `None` when the request carried
    /// none.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }
}

impl fmt::Debug for HandshakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRequest")
            .field("peer", &self.peer)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
