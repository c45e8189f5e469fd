//! Who may come in: the key that verifies tokens, and the users who exist.

use bevy_bouncer::{
    Claims, ConfigError, DirectoryError, JwtAuthenticator, KeySet, Known, MapDirectory, RemoteKeys,
    SqliteDirectory, Standing, UserDirectory, UserId,
};

use crate::{
    config::{
        tokens::{KeySource, TokenRules},
        users::UserSource,
    },
    file,
    problem::Problem,
    secret,
};

/// One of the directories that a configuration can choose.
pub enum Directory {
    Fixed(MapDirectory),
    Sqlite(SqliteDirectory),
}

impl UserDirectory for Directory {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        match self {
            Self::Fixed(directory) => directory.find(claims).await,
            Self::Sqlite(directory) => directory.find(claims).await,
        }
    }

    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        match self {
            Self::Fixed(directory) => directory.look_up(user).await,
            Self::Sqlite(directory) => directory.look_up(user).await,
        }
    }
}

/// Builds the check that every player goes through.
pub fn authenticator(
    rules: TokenRules,
    users: UserSource,
) -> Result<JwtAuthenticator<Directory>, Problem> {
    Ok(verifier(rules)?.users(directory(users)?))
}

/// What verifies tokens. A key that has a URL is not fetched yet.
pub fn verifier(rules: TokenRules) -> Result<JwtAuthenticator, Problem> {
    let mut tokens = with_keys(&rules.key)?;
    if let Some(issuer) = rules.issuer {
        tokens = tokens.issuer(issuer);
    }
    Ok(match rules.audience {
        Some(audience) => tokens.audience(audience),
        None => tokens.any_audience(),
    })
}

fn with_keys(source: &KeySource) -> Result<JwtAuthenticator, Problem> {
    let keys = match source {
        KeySource::JwksUrl(url, options) => {
            return remote(RemoteKeys::jwks_url(url, options.clone()));
        }
        KeySource::Discovery(issuer, options) => {
            return remote(RemoteKeys::discover(issuer, options.clone()));
        }
        KeySource::JwksFile(path) => {
            let text = file::read("auth.jwks_file", path)?;
            KeySet::from_jwks(&text).map_err(|error| Problem::config("auth.jwks_file", error))?
        }
        KeySource::PublicKeyFile(path) => {
            let text = file::read("auth.public_key_file", path)?;
            KeySet::from_pem(&text)
                .map_err(|error| Problem::config("auth.public_key_file", error))?
        }
        KeySource::SecretEnv(variable) => {
            let secret = secret::bytes("auth.secret_env", variable)?;
            KeySet::hs256(secret).map_err(|error| Problem::config("auth.secret_env", error))?
        }
    };
    Ok(JwtAuthenticator::new(keys))
}

fn remote(keys: Result<RemoteKeys, ConfigError>) -> Result<JwtAuthenticator, Problem> {
    keys.map(JwtAuthenticator::remote)
        .map_err(|error| Problem::config(format!("auth.{}", error.field), error.reason))
}

fn directory(users: UserSource) -> Result<Directory, Problem> {
    Ok(match users {
        UserSource::Fixed(users) => Directory::Fixed(MapDirectory::new(users)),
        UserSource::Sqlite(file) => Directory::Sqlite(
            SqliteDirectory::open(&file)
                .map_err(|error| Problem::runtime("users.sqlite", error))?,
        ),
    })
}
