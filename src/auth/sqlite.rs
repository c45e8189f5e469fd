//! Users in an SQLite file.

use std::path::Path;

use sqlx::SqlitePool;

use super::directory::{Claims, DirectoryError, Known, Standing, UserDirectory};
use crate::{
    identity::{User, UserId},
    util::{SqliteError, SqliteFile, sqlite},
};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    roles TEXT NOT NULL DEFAULT '',
    disabled INTEGER NOT NULL DEFAULT 0
)";
const FIND: &str = "SELECT name, roles, disabled, NULL FROM users WHERE id = ?1";
const FIND_VERSIONED: &str = "SELECT name, roles, disabled, token_version FROM users WHERE id = ?1";
const IS_VERSIONED: &str =
    "SELECT count(*) > 0 FROM pragma_table_info('users') WHERE name = 'token_version'";

/// Users in the table `users (id, name, roles, disabled)` of an SQLite file. The table is created when
/// it is missing; it may have more columns, and the file more tables.
///
/// `roles` is a list with commas; a row whose `disabled` is not 0 is kept out with 403. Rows may be
/// changed by other programs at any time. When the table has a column `token_version` and a row a number
/// in it, only tokens with this `ver` claim let the user in: see [`Standing::Versioned`].
///
/// ```no_run
/// use bevy_bouncer::{SqliteDirectory, User};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let users = SqliteDirectory::connect("players.db").await?;
/// users.upsert(&User::new("player-1", "Ann")?.with_roles(["moderator"])?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteDirectory {
    pool: SqlitePool,
    find: &'static str,
}

impl SqliteDirectory {
    /// Opens the file, or creates it. Blocks; not to be called in async code.
    ///
    /// # Errors
    /// [`DirectoryError::Failed`] when the file cannot be opened, is locked by another program, is not a
    /// database, or has a table `users` of another shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DirectoryError> {
        sqlite::block_on(Self::connect(path))?
    }

    /// Opens the file, or creates it, in async code.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, DirectoryError> {
        let file = SqliteFile::connect(path, SCHEMA, &[FIND]).await?;
        let pool = file.pool().clone();
        let is_versioned: bool = sqlx::query_scalar(IS_VERSIONED).fetch_one(&pool).await?;
        let find = if is_versioned { FIND_VERSIONED } else { FIND };
        Ok(Self { pool, find })
    }

    /// Adds a user, or changes name and roles of the one with the same id.
    ///
    /// # Errors
    /// [`DirectoryError::Failed`], also for a role with a comma in it.
    pub async fn upsert(&self, user: &User) -> Result<(), DirectoryError> {
        if user.roles().iter().any(|role| role.contains(',')) {
            return Err(DirectoryError::Failed(
                "a role has a comma in it".to_owned(),
            ));
        }
        sqlx::query(
            "INSERT INTO users (id, name, roles) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = ?2, roles = ?3",
        )
        .bind(user.id().as_str())
        .bind(user.name())
        .bind(user.roles().join(","))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps a user out, or lets the user in again. Does not end sessions: revoke for that. False when
    /// there is no such user.
    ///
    /// # Errors
    /// [`DirectoryError::Failed`].
    pub async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<bool, DirectoryError> {
        let changed = sqlx::query("UPDATE users SET disabled = ?2 WHERE id = ?1")
            .bind(id.as_str())
            .bind(disabled)
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// What is known of this user.
    ///
    /// # Errors
    /// [`DirectoryError`] when the file cannot be read, or holds a name or role that cannot be one.
    pub async fn standing(&self, id: &UserId) -> Result<Standing, DirectoryError> {
        Ok(match self.row(id).await? {
            None => Standing::Missing,
            Some((_, _, true, _)) => Standing::Barred,
            Some((name, roles, false, version)) => {
                let user = user(id, name, &roles)?;
                match version.map(u64::try_from) {
                    None => Standing::active(user),
                    Some(Ok(version)) => Standing::versioned(user, version),
                    Some(Err(_)) => {
                        let words = "a token_version is below 0".to_owned();
                        return Err(DirectoryError::Failed(words));
                    }
                }
            }
        })
    }

    async fn row(&self, id: &UserId) -> Result<Option<Row>, DirectoryError> {
        let row = sqlx::query_as(self.find).bind(id.as_str());
        Ok(row.fetch_optional(&self.pool).await?)
    }
}

/// Name, roles, whether it is disabled, and the version of its tokens.
type Row = (String, String, bool, Option<i64>);

fn user(id: &UserId, name: String, roles: &str) -> Result<User, DirectoryError> {
    let roles = roles.split(',').map(str::trim);
    let roles = roles.filter(|role| !role.is_empty());
    Ok(User::new(id.clone(), name)?.with_roles(roles)?)
}

impl UserDirectory for SqliteDirectory {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        self.standing(claims.subject()).await
    }

    /// Who is disabled is known too.
    async fn look_up(&self, id: &UserId) -> Result<Known, DirectoryError> {
        Ok(match self.row(id).await? {
            None => Known::Missing,
            Some((name, roles, ..)) => Known::User(user(id, name, &roles)?),
        })
    }
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(SqliteFile::describe(&error))
    }
}

impl From<SqliteError> for DirectoryError {
    fn from(error: SqliteError) -> Self {
        Self::Failed(error.to_string())
    }
}
