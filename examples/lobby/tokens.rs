//! What a player shows at the door: a signed token that says who they are, for a while.

use std::time::Duration;

use bevy_bouncer::{IssueError, JwtAuthenticator, KeyError, Refusal, TokenIssuer, UserId};

/// Who signs, and for whom.
const ISSUER: &str = "lobby";

/// The rules for tokens that are valid for so long: one set for the door and for the log-in service.
pub fn rules(key: &[u8], lifetime: Duration) -> Result<JwtAuthenticator, KeyError> {
    let rules = JwtAuthenticator::hs256(key)?;
    Ok(rules
        .issuer(ISSUER)
        .audience(ISSUER)
        // So that a log-out everywhere need not be remembered for longer than a token can last.
        .require_issued_at(true)
        .longest_lifetime(lifetime))
}

/// Issues and verifies tokens.
pub struct Tokens {
    issuer: TokenIssuer,
    rules: JwtAuthenticator,
    /// How long a token is valid.
    pub lifetime: Duration,
}

impl Tokens {
    /// With this key, valid for so long.
    pub fn new(key: &[u8], lifetime: Duration) -> Result<Self, KeyError> {
        let issuer = TokenIssuer::hs256(key)?;
        Ok(Self {
            issuer: issuer.issuer(ISSUER).audience(ISSUER).lifetime(lifetime),
            rules: rules(key, lifetime)?,
            lifetime,
        })
    }

    /// A token for this user, valid from now on.
    pub fn issue(&self, user: &UserId) -> Result<String, IssueError> {
        self.issuer.issue(user)
    }

    /// Whose token this is.
    pub async fn verify(&self, token: &str) -> Result<UserId, Refusal> {
        let claims = self.rules.verify(token).await?;
        Ok(claims.subject().clone())
    }
}
