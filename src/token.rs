//! What stays of a token once it is verified.

use std::sync::Arc;

/// What revocation and expiry need to know about the token that let somebody in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TokenFacts {
    /// The `jti` claim.
    pub id: Option<Arc<str>>,
    /// The `kid` of the key that it was verified with, when that has one.
    pub key: Option<Arc<str>>,
    /// The `iat` claim in unix seconds; 0 when the token has none.
    pub issued_at: u64,
    /// The `exp` claim in unix seconds; `None` never expires.
    pub expires_at: Option<u64>,
}
