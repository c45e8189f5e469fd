//! How this crate opens SQLite files: created when missing, durable, and never waiting for long.

use std::{future::Future, path::Path, time::Duration};

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

/// Why a file could not be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("cannot open {path}: {}", words(.cause))]
    Failed { path: String, cause: sqlx::Error },
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::Error),
}

/// Opens the file and brings its schema up. `schema` must be harmless when it is there already; when
/// what is there is something else and cannot serve one of the statements that are `needed`, this
/// fails now, and not at their first use.
pub(crate) async fn connect(
    path: &Path,
    schema: &'static str,
    needed: &[&'static str],
) -> Result<SqlitePool, OpenError> {
    let failed = |cause| OpenError::Failed {
        path: path.display().to_string(),
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
        // Safe: every one is a constant of this crate, and explaining does not run it.
        sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}")))
            .execute(&mut *connection)
            .await?;
    }
    // Taking the lock for a moment tells now, and not at the first write, that somebody else has it.
    for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// What the operator reads of an error. A lock that another process holds shows itself in two ways: SQLite gives
/// up, or all connections of the pool wait for it.
pub(crate) fn words(error: &sqlx::Error) -> String {
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

/// Whether this is SQLite's `SQLITE_BUSY`, or one of its extended codes, which have it in their lowest byte.
fn is_busy(code: Option<&str>) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// Waits for `future` on a short-lived runtime, for callers that are not async.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, OpenError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(OpenError::Runtime)
}
