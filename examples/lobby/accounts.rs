//! The accounts: a `passwords` table beside the `users` table that the door looks players up in. An account is found by
//! what its name looks like, so that no two names look alike.

use std::{path::Path, time::Duration};

use bevy_bouncer::{DirectoryError, SqliteDirectory, Standing, User, UserId, text::look};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use thiserror::Error;

use crate::random;

/// The role of those who may remove players.
pub const MODERATOR: &str = "moderator";

/// Most accounts.
const ACCOUNTS: i64 = 100_000;

/// Why an account could not be made or read.
#[derive(Debug, Error)]
pub enum AccountError {
    /// Another account has this name, or one that looks like it.
    #[error("this name is taken")]
    NameTaken,
    /// There are as many accounts as there may be.
    #[error("there is no room for another account")]
    Full,
    /// The database failed.
    #[error("the accounts cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// The table of users cannot be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A name or an id that cannot be one.
    #[error("an account is not valid: {0}")]
    Invalid(#[from] bevy_bouncer::InvalidIdentity),
    /// No random id could be made.
    #[error("no random id: {0}")]
    Random(#[from] std::io::Error),
}

/// What a player who logs in with this name has to prove.
pub struct Login {
    /// Whose name it is.
    pub user: UserId,
    /// The hash of the password.
    pub password_hash: String,
}

/// All accounts.
pub struct Accounts {
    /// Reads the `users` table, for the door too.
    users: SqliteDirectory,
    /// The same file with both tables.
    pool: SqlitePool,
}

impl Accounts {
    /// Opens the database that this directory reads.
    pub async fn open(users: SqliteDirectory, path: &Path) -> Result<Self, AccountError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
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
        let accounts = Self { users, pool };
        accounts.renew_logins().await?;
        Ok(accounts)
    }

    /// Accounts that were made when a log-in was no more than a name in small letters. Of two that look alike, the
    /// second keeps it.
    async fn renew_logins(&self) -> Result<(), AccountError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT user_id, name FROM passwords JOIN users ON id = user_id WHERE login = lower(name)",
        )
        .fetch_all(&self.pool)
        .await?;
        for (id, name) in rows {
            sqlx::query("UPDATE OR IGNORE passwords SET login = ? WHERE user_id = ?")
                .bind(look(&name))
                .bind(id)
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Makes an account with a random id: both rows or none, so that there is no user without a
    /// password.
    pub async fn create(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[&str],
    ) -> Result<User, AccountError> {
        let id = format!("u-{}", random::hex::<8>()?);
        let user = User::new(id, name)?.with_roles(roles.iter().copied())?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
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
            .bind(look(name))
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

    /// Who has this name, whatever its capitals and spaces.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<Login>, AccountError> {
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT user_id, hash FROM passwords WHERE login IN (?1, ?2) ORDER BY login = ?1 DESC",
        )
        .bind(name.trim().to_lowercase())
        .bind(look(name))
        .fetch_optional(&self.pool)
        .await?;
        let Some((id, password_hash)) = row else {
            return Ok(None);
        };
        let user = UserId::new(id)?;
        Ok(Some(Login {
            user,
            password_hash,
        }))
    }

    /// What is known of this user: the same as the door reads.
    pub async fn standing(&self, id: &UserId) -> Result<Standing, AccountError> {
        Ok(self.users.standing(id).await?)
    }
}
