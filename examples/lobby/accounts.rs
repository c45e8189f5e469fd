//! The accounts: a `passwords` table beside the `users` table that the door looks players up in.

use std::{path::Path, time::Duration};

use bevy_bouncer::{User, UserId};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow},
};
use thiserror::Error;

use crate::data_directory::random_hex;

/// The role of those who may remove players.
pub const MODERATOR: &str = "moderator";

/// Most accounts.
const ACCOUNTS: i64 = 100_000;

/// Why an account could not be made or read.
#[derive(Debug, Error)]
pub enum AccountError {
    /// Somebody else has this name, perhaps with other capitals.
    #[error("this name is taken")]
    NameTaken,
    /// There are as many accounts as there may be.
    #[error("there is no room for another account")]
    Full,
    /// The database failed.
    #[error("the accounts cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// A row that is not a user.
    #[error("an account is not valid: {0}")]
    Invalid(#[from] bevy_bouncer::InvalidIdentity),
    /// No random id could be made.
    #[error("no random id: {0}")]
    Random(#[from] std::io::Error),
}

/// One account.
pub struct Account {
    /// Who it is.
    pub user: User,
    /// Whether the operator has switched the account off.
    pub disabled: bool,
    /// The hash of the password.
    pub password_hash: String,
}

/// All accounts.
#[derive(Clone)]
pub struct Accounts(SqlitePool);

impl Accounts {
    /// Opens the database, in which the `users` table exists already.
    pub async fn open(path: &Path) -> Result<Self, AccountError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS passwords (
                user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                login TEXT NOT NULL UNIQUE,
                hash TEXT NOT NULL
            ) STRICT",
        )
        .execute(&pool)
        .await?;
        Ok(Self(pool))
    }

    /// Makes an account with a random id.
    pub async fn create(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[&str],
    ) -> Result<User, AccountError> {
        let id = format!("u-{}", random_hex::<8>()?);
        let user = User::new(id, name)?.with_roles(roles.iter().copied())?;
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM passwords")
            .fetch_one(&mut *transaction)
            .await?;
        if accounts >= ACCOUNTS {
            return Err(AccountError::Full);
        }
        sqlx::query("INSERT INTO users (id, name, roles) VALUES (?, ?, ?)")
            .bind(user.id().as_str())
            .bind(name)
            .bind(roles.join(","))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO passwords (user_id, login, hash) VALUES (?, ?, ?)")
            .bind(user.id().as_str())
            .bind(login_name(name))
            .bind(password_hash)
            .execute(&mut *transaction)
            .await
            .map_err(|error| match error.as_database_error() {
                Some(database) if database.is_unique_violation() => AccountError::NameTaken,
                _ => error.into(),
            })?;
        transaction.commit().await?;
        Ok(user)
    }

    /// The account with this name, whatever its capitals.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<Account>, AccountError> {
        let row = sqlx::query(concat!(
            "SELECT id, name, roles, disabled, hash FROM users ",
            "JOIN passwords ON user_id = id WHERE login = ?"
        ))
        .bind(login_name(name))
        .fetch_optional(&self.0)
        .await?;
        row.as_ref().map(account).transpose()
    }

    /// The account with this id.
    pub async fn find(&self, id: &UserId) -> Result<Option<Account>, AccountError> {
        let row = sqlx::query(concat!(
            "SELECT id, name, roles, disabled, hash FROM users ",
            "JOIN passwords ON user_id = id WHERE id = ?"
        ))
        .bind(id.as_str())
        .fetch_optional(&self.0)
        .await?;
        row.as_ref().map(account).transpose()
    }
}

fn account(row: &SqliteRow) -> Result<Account, AccountError> {
    let roles: String = row.try_get("roles")?;
    let roles = roles
        .split(',')
        .map(str::trim)
        .filter(|role| !role.is_empty());
    let user = User::new(
        row.try_get::<String, _>("id")?,
        row.try_get::<String, _>("name")?,
    )?;
    Ok(Account {
        user: user.with_roles(roles)?,
        disabled: row.try_get("disabled")?,
        password_hash: row.try_get("hash")?,
    })
}

/// Two names that differ in capitals or in the number of spaces are the same.
fn login_name(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().collect();
    words.join(" ").to_ascii_lowercase()
}
