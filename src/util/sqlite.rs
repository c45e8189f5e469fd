//! How this crate opens SQLite files: created when missing, durable, and never waiting for long.

use std::{future::Future, path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, SqlitePool,
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
    #[error("cannot open {path}: {cause}")]
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
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    sqlx::query(schema).execute(&pool).await.map_err(failed)?;
    for statement in needed {
        // Safe: every one is a constant of this crate, and explaining does not run it.
        sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}")))
            .execute(&pool)
            .await
            .map_err(failed)?;
    }
    // Taking the lock for a moment tells now, and not at the first write, that somebody else has it.
    let mut connection = pool.acquire().await.map_err(failed)?;
    for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
        sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    drop(connection);
    Ok(pool)
}

/// Waits for `future` on a short-lived runtime, for callers that are not async.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, OpenError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(OpenError::Runtime)
}
