//! What stays of a token once it is verified.

use std::{fmt, sync::Arc};

/// What revocation and expiry need to know about the token that let a player in.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct TokenFacts {
    /// The `jti` claim.
    pub id: Option<Arc<str>>,
    /// The `kid` of the key that it was verified with, when that has one.
    pub key: Option<Arc<str>>,
    /// The `iat` claim in unix seconds; 0 when the token has none.
    pub issued_at: u64,
    /// The `exp` claim in unix seconds; `None` never expires.
    pub expires_at: Option<u64>,
    /// All claims, as the JSON text of the token, to look the user up again. `None` when there were none.
    pub claims: Option<Arc<str>>,
}

impl fmt::Debug for TokenFacts {
    /// Without the claims, which may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts")
            .field("id", &self.id)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
