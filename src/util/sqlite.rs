//! SQLite files that are opened as a game server needs them: created when missing, for nobody else to read,
//! durable, and never waiting for long.

use std::{fs::OpenOptions, future::Future, io, path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECTIONS: u32 = 4;

/// Why an SQLite file could not be opened; the words are for the operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The file is missing and cannot be created.
    #[error("cannot create {path}: {cause}")]
    Create {
        /// The file.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The file cannot be opened, is locked by another process, is not a database, or has tables of another
    /// shape.
    #[error("cannot open {path}: {}", SqliteFile::describe(.cause))]
    Open {
        /// The file.
        path: String,
        /// What SQLite says.
        cause: sqlx::Error,
    },
    /// There are no threads or descriptors for a runtime.
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
}

/// An SQLite file, opened as this crate opens its own.
///
/// It is created when it is missing, on Unix with mode 0600, which SQLite gives the files beside it
/// as well. It has a write-ahead log and is synced at each commit, so what is committed is on the disk. A
/// statement waits at most 2 s for another process that holds the file, a caller at most 3 s for one of the
/// 4 connections.
///
/// ```
/// use bevy_bouncer::SqliteFile;
/// use sqlx::SqlitePool;
///
/// const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS scores (player TEXT PRIMARY KEY, points INTEGER) STRICT";
/// const SCORE: &str = "INSERT INTO scores VALUES (?1, ?2) ON CONFLICT DO UPDATE SET points = ?2";
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("scores.db");
/// // A file whose table `scores` has other columns is an error here, and not when the first player scores.
/// let file = SqliteFile::open(path, SCHEMA, &[SCORE])?;
/// let pool: &SqlitePool = file.pool();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteFile {
    pool: SqlitePool,
}

impl SqliteFile {
    /// Opens the file, or creates it, and runs `schema`, which must be harmless when its tables are there
    /// already. Each of the statements that are `needed` is prepared once, but not run. Blocks; not to be called
    /// in async code.
    ///
    /// # Errors
    /// [`SqliteError`], also when a table that exists cannot serve one of the statements that are `needed`.
    pub fn open(
        path: impl AsRef<Path>,
        schema: &'static str,
        needed: &[&'static str],
    ) -> Result<Self, SqliteError> {
        block_on(Self::connect(path, schema, needed))?
    }

    /// Does what [`open`](Self::open) does, in async code.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(
        path: impl AsRef<Path>,
        schema: &'static str,
        needed: &[&'static str],
    ) -> Result<Self, SqliteError> {
        let pool = connect(path.as_ref(), schema, needed).await?;
        Ok(Self { pool })
    }

    /// The connections to the file, for `sqlx` 0.9.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Puts an error into words for the operator. A lock that another process holds shows itself in two ways:
    /// SQLite gives up, or all connections of the pool wait for it. Both read as a locked file.
    pub fn describe(error: &sqlx::Error) -> String {
        match error {
            sqlx::Error::Database(cause) if is_busy(cause.code().as_deref()) => {
                "the file is locked by another process".to_owned()
            }
            sqlx::Error::PoolTimedOut => format!(
                "the file is locked by another process, or its disk is too slow: nothing was done for {} s",
                ACQUIRE_TIMEOUT.as_secs()
            ),
            other => other.to_string(),
        }
    }
}

/// Creates the file when it is missing, so that only its owner can read it.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn connect(
    path: &Path,
    schema: &'static str,
    needed: &[&'static str],
) -> Result<SqlitePool, SqliteError> {
    let name = || path.display().to_string();
    create(path).map_err(|cause| SqliteError::Create {
        path: name(),
        cause,
    })?;
    let failed = |cause| SqliteError::Open {
        path: name(),
        cause,
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    // Without the pool, whose time-out can be over before SQLite says that the file is locked: SQLite counts
    // the naps that it meant to take, and on a busy machine each of them takes longer.
    let mut connection = options.connect().await.map_err(failed)?;
    prepare(&mut connection, schema, needed)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

async fn prepare(
    connection: &mut SqliteConnection,
    schema: &'static str,
    needed: &[&'static str],
) -> Result<(), sqlx::Error> {
    sqlx::query(schema).execute(&mut *connection).await?;
    for statement in needed {
        // Safe: every one is a constant of the program, and explaining does not run it.
        sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}")))
            .execute(&mut *connection)
            .await?;
    }
    // Taking the lock for a moment tells now, and not at the first write, that another process has it.
    for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether this is SQLite's `SQLITE_BUSY`, or one of its extended codes, which have it in their lowest byte.
fn is_busy(code: Option<&str>) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// Waits for `future` on a short-lived runtime, for callers that are not async.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, SqliteError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(SqliteError::Runtime)
}
