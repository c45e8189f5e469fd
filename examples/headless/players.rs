//! Who may come in: the key that verifies tokens, and the users who exist.

use bevy_bouncer::{
    Claims, DirectoryError, JwtAuthenticator, KeySet, MapDirectory, SqliteDirectory, Standing,
    UserDirectory,
};

use super::{
    config::{KeySource, TokenRules, UserSource},
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
}

/// Builds the check that every player goes through.
pub fn authenticator(
    rules: TokenRules,
    users: UserSource,
) -> Result<JwtAuthenticator<Directory>, Problem> {
    let mut tokens = JwtAuthenticator::new(key_set(&rules.key)?);
    if let Some(issuer) = rules.issuer {
        tokens = tokens.issuer(issuer);
    }
    if let Some(audience) = rules.audience {
        tokens = tokens.audience(audience);
    }
    Ok(tokens.users(directory(users)?))
}

fn key_set(source: &KeySource) -> Result<KeySet, Problem> {
    match source {
        KeySource::JwksFile(path) => {
            let text = file::read("auth.jwks_file", path)?;
            KeySet::from_jwks(&text).map_err(|error| Problem::config("auth.jwks_file", error))
        }
        KeySource::PublicKeyFile(path) => {
            let text = file::read("auth.public_key_file", path)?;
            KeySet::from_pem(&text).map_err(|error| Problem::config("auth.public_key_file", error))
        }
        KeySource::SecretEnv(variable) => {
            let secret = secret::bytes("auth.secret_env", variable)?;
            KeySet::hs256(secret).map_err(|error| Problem::config("auth.secret_env", error))
        }
    }
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
