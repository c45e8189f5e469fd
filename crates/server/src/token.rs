//! Tokens for trying things out. In production the login service issues them.

use std::time::Duration;

use bevy_bouncer::{TokenIssuer, UserId};

use crate::{
    config::tokens::{KeySource, TokenRules},
    problem::Problem,
    secret,
};

/// A token that the server with these rules accepts, if it knows the user.
pub fn issue(rules: &TokenRules, user: &str, lifetime: Duration) -> Result<String, Problem> {
    let KeySource::SecretEnv(variable) = &rules.key else {
        return Err(Problem::config(
            "auth.secret_env",
            "is required to issue tokens: a public key can only check them",
        ));
    };
    let user = UserId::new(user).map_err(|error| Problem::config("--user", error))?;
    let secret = secret::bytes("auth.secret_env", variable)?;
    let unusable = |error| Problem::config("auth.secret_env", error);
    let mut issuer = TokenIssuer::hs256(secret)
        .map_err(unusable)?
        .lifetime(lifetime);
    if let Some(name) = &rules.issuer {
        issuer = issuer.issuer(name);
    }
    if let Some(audience) = &rules.audience {
        issuer = issuer.audience(audience);
    }
    issuer
        .issue(&user)
        .map_err(|error| Problem::config("auth.secret_env", error))
}
