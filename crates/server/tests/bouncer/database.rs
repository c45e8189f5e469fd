//! Databases that another program uses.

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::runtime::{Builder, Runtime};

use crate::process::Folder;

/// A database that nobody else can use.
pub struct Lock {
    runtime: Runtime,
    connection: Option<SqliteConnection>,
}

impl Lock {
    pub fn exclusive(folder: &Folder, database: &str) -> Self {
        let (runtime, mut connection) = open(folder, database);
        runtime
            .block_on(sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection))
            .unwrap();
        Self {
            runtime,
            connection: Some(connection),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let connection = self.connection.take();
        self.runtime.block_on(async move { drop(connection) });
    }
}

fn open(folder: &Folder, database: &str) -> (Runtime, SqliteConnection) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path(database))
        .create_if_missing(true);
    let connection = runtime.block_on(options.connect()).unwrap();
    (runtime, connection)
}

/// Runs one statement.
pub fn execute(folder: &Folder, database: &str, statement: &'static str) {
    let (runtime, mut connection) = open(folder, database);
    runtime
        .block_on(sqlx::query(statement).execute(&mut connection))
        .unwrap();
}
