//! `[auth]`: what a token must say, and whose key verifies it.

use std::path::{Path, PathBuf};

use bevy_bouncer::RemoteKeyOptions;

use super::{
    shape,
    value::{not_empty, required, resolve},
};
use crate::problem::Problem;

/// What a token must say, and whose key verifies it.
#[derive(Debug)]
pub struct TokenRules {
    pub issuer: Option<String>,
    /// `None`: every audience is meant.
    pub audience: Option<String>,
    pub key: KeySource,
}

/// Where the key comes from.
#[derive(Debug)]
pub enum KeySource {
    /// A JSON Web Key Set.
    JwksFile(PathBuf),
    /// A public key in PEM.
    PublicKeyFile(PathBuf),
    /// A key set that is fetched again and again.
    JwksUrl(String, RemoteKeyOptions),
    /// The keys of an OpenID provider, by its discovery document.
    Discovery(String, RemoteKeyOptions),
    /// The environment variable with the HS256 secret.
    SecretEnv(String),
}

impl TokenRules {
    /// Checks the section of a file in this folder.
    pub fn check(section: shape::Auth, folder: &Path) -> Result<Self, Problem> {
        let optional =
            |field, text: Option<String>| text.map(|text| not_empty(field, text)).transpose();
        let rules = Self {
            key: KeySource::check(&section, folder)?,
            issuer: optional("auth.issuer", section.issuer)?,
            audience: optional("auth.audience", section.audience)?,
        };
        rules.check_audience(section.any_audience)?;
        Ok(rules)
    }

    /// Tokens of a provider are for many services. That they all let in has to be said.
    fn check_audience(&self, any: bool) -> Result<(), Problem> {
        if any && self.audience.is_some() {
            let reason = "contradicts auth.audience: take one of them out";
            return Err(Problem::config("auth.any_audience", reason));
        }
        if self.audience.is_none() && !any && self.key.is_remote() {
            let reason = "is required with jwks_url and discovery, since any token of the provider would be a \
                          log-in; any_audience = true says that this is meant";
            return Err(Problem::config("auth.audience", reason));
        }
        Ok(())
    }
}

impl KeySource {
    fn is_remote(&self) -> bool {
        matches!(self, Self::JwksUrl(..) | Self::Discovery(..))
    }

    fn check(section: &shape::Auth, folder: &Path) -> Result<Self, Problem> {
        let sources = [
            section.jwks_file.is_some(),
            section.jwks_url.is_some(),
            section.discovery,
            section.public_key_file.is_some(),
            section.secret_env.is_some(),
        ];
        if sources.into_iter().filter(|given| *given).count() != 1 {
            return Err(Problem::config(
                "auth",
                "needs exactly one of jwks_file, jwks_url, discovery, public_key_file, secret_env",
            ));
        }
        if let Some(file) = &section.jwks_file {
            let file = resolve("auth.jwks_file", folder, file.clone())?;
            return Ok(Self::JwksFile(file));
        }
        if let Some(file) = &section.public_key_file {
            let file = resolve("auth.public_key_file", folder, file.clone())?;
            return Ok(Self::PublicKeyFile(file));
        }
        if let Some(variable) = &section.secret_env {
            let variable = not_empty("auth.secret_env", variable.clone())?;
            return Ok(Self::SecretEnv(variable));
        }
        let options = section.remote_keys.clone();
        if let Some(url) = &section.jwks_url {
            return Ok(Self::JwksUrl(url.clone(), options));
        }
        let issuer = required("auth.issuer", section.issuer.clone())?;
        Ok(Self::Discovery(issuer, options))
    }
}
