//! Revocations in an SQLite file.

use std::path::Path;

use sqlx::SqlitePool;

use super::{Revocation, RevocationKind, RevocationStore, StoreError, StoreFuture, Subject};
use crate::{
    identity::UserId,
    util::{SqliteError, SqliteFile, sqlite, unix_now},
};

/// One row for each shape of entry that a subject can have.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS revocations (
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    ban INTEGER NOT NULL,
    limited INTEGER NOT NULL,
    issued_before INTEGER,
    until INTEGER,
    reason TEXT,
    PRIMARY KEY (subject, name, ban, limited)
) WITHOUT ROWID";
const LOAD: &str = "SELECT subject, name, ban, issued_before, until, reason FROM revocations";
const PUT: &str = "INSERT INTO revocations
    (subject, name, ban, limited, issued_before, until, reason)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const REMOVE: &str = "DELETE FROM revocations WHERE subject = ?1 AND name = ?2";
const EXPIRE: &str = "DELETE FROM revocations WHERE until <= ?1";

/// Revocations in the table `revocations` of an SQLite file, which is created when it is missing. An
/// entry is on the disk before its storing is acknowledged.
///
/// Revocations of a [`Session`](Subject::Session) are not kept: they bar nobody afterwards.
///
/// ```no_run
/// use bevy_bouncer::{BouncerConfig, BouncerPlugin, SqliteRevocations};
/// # use bevy_bouncer::{Admission, Authenticator, BouncerError, HandshakeRequest, Refusal};
/// # struct Tokens;
/// # impl Authenticator for Tokens {
/// #     async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
/// #         Err(Refusal::unauthorized("nobody"))
/// #     }
/// # }
/// # let tokens = Tokens;
///
/// let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:9000"), tokens)?
///     .revocations(SqliteRevocations::open("revocations.db")?)?;
/// # Ok::<(), BouncerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqliteRevocations {
    pool: SqlitePool,
}

type Row = (
    String,
    String,
    bool,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

impl SqliteRevocations {
    /// Opens the file, or creates it. Blocks; not to be called in async code.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when the file cannot be opened, is locked by another process, is not a
    /// database, or has a table `revocations` of another shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        sqlite::block_on(Self::connect(path))?
    }

    /// Opens the file, or creates it, in async code.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = SqliteFile::connect(path, SCHEMA, &[LOAD, PUT, REMOVE, EXPIRE]).await?;
        let pool = file.pool().clone();
        Ok(Self { pool })
    }

    async fn read(&self) -> Result<Vec<Revocation>, StoreError> {
        sqlx::query(EXPIRE)
            .bind(seconds(unix_now()))
            .execute(&self.pool)
            .await?;
        let rows: Vec<Row> = sqlx::query_as(LOAD).fetch_all(&self.pool).await?;
        rows.into_iter().map(entry).collect()
    }

    async fn write(&self, subject: &Subject, entries: &[Revocation]) -> Result<(), StoreError> {
        let Some((kind, name)) = key(subject) else {
            return Ok(());
        };
        let mut transaction = self.pool.begin().await?;
        sqlx::query(REMOVE)
            .bind(kind)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        for entry in entries {
            sqlx::query(PUT)
                .bind(kind)
                .bind(name)
                .bind(entry.kind == RevocationKind::Ban)
                .bind(entry.issued_before.is_some())
                .bind(entry.issued_before.map(seconds))
                .bind(entry.until.map(seconds))
                .bind(&entry.reason)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl RevocationStore for SqliteRevocations {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(self.read())
    }

    fn replace<'a>(
        &'a self,
        subject: &'a Subject,
        entries: &'a [Revocation],
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.write(subject, entries))
    }
}

/// SQLite's integers are signed; later than the year 292 billion is never.
fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

/// Kind and name of a subject; nothing for one that is not kept.
fn key(subject: &Subject) -> Option<(&'static str, &str)> {
    match subject {
        Subject::User(user) => Some(("user", user.as_str())),
        Subject::Token(id) => Some(("token", id)),
        Subject::Everyone => Some(("everyone", "")),
        Subject::Session(_) => None,
    }
}

fn entry(
    (subject, name, ban, issued_before, until, reason): Row,
) -> Result<Revocation, StoreError> {
    let unreadable = |what: &str| StoreError::Failed(format!("an entry has a bad {what}"));
    let time = |seconds: Option<i64>| {
        seconds
            .map(|seconds| u64::try_from(seconds).map_err(|_| unreadable("time")))
            .transpose()
    };
    Ok(Revocation {
        subject: match subject.as_str() {
            "user" => Subject::User(UserId::new(name).map_err(|_| unreadable("user"))?),
            "token" => Subject::Token(name.into()),
            "everyone" => Subject::Everyone,
            _ => return Err(unreadable("subject")),
        },
        issued_before: time(issued_before)?,
        reason,
        kind: if ban {
            RevocationKind::Ban
        } else {
            RevocationKind::Revoke
        },
        until: time(until)?,
    })
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(SqliteFile::describe(&error))
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        Self::Failed(error.to_string())
    }
}
