//! Messages and mutes in an SQLite file.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use bevy_bouncer::{SqliteError, SqliteFile, UserId};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::{
    archive::{ArchiveError, ArchiveFuture, ChatArchive, ChatRecord, LoadedArchive},
    model::{history::StoredMessage, mutes::StoredMute},
    protocol::unix_milliseconds,
};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS chat_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mid TEXT NOT NULL UNIQUE,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    said_at INTEGER NOT NULL,
    user TEXT,
    name TEXT,
    rank INTEGER NOT NULL,
    text TEXT,
    client_id TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS chat_messages_by_room ON chat_messages (room, id);
CREATE TABLE IF NOT EXISTS chat_mutes (
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    name TEXT NOT NULL,
    rank INTEGER,
    until INTEGER NOT NULL,
    by_rank INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (user, room)
) STRICT, WITHOUT ROWID";
/// All but the youngest messages of all but the rooms with the youngest messages.
const FORGET: &str = "DELETE FROM chat_messages WHERE room NOT IN (
        SELECT room FROM chat_messages GROUP BY room ORDER BY max(id) DESC LIMIT ?1
    ) OR id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY room ORDER BY id DESC) AS place
            FROM chat_messages
        ) WHERE place > ?2
    )";
const MESSAGES: &str = "SELECT room, seq, mid, said_at, user, name, rank, text, client_id
    FROM chat_messages ORDER BY id";
const MUTES: &str = "SELECT user, name, rank, room, until, by_rank, reason FROM chat_mutes";
const SAY: &str = "INSERT INTO chat_messages
    (mid, room, seq, said_at, user, name, rank, text, client_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (mid) DO NOTHING";
const TRIM: &str = "DELETE FROM chat_messages WHERE room = ?1 AND id <= (
    SELECT id FROM chat_messages WHERE room = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
const DELETE: &str = "UPDATE chat_messages SET text = NULL WHERE mid = ?1";
const MUTE: &str = "INSERT INTO chat_mutes (user, room, name, rank, until, by_rank, reason)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (user, room)
    DO UPDATE SET name = ?3, rank = ?4, until = ?5, by_rank = ?6, reason = ?7";
const UNMUTE: &str = "DELETE FROM chat_mutes WHERE user = ?1 AND room = ?2";
const EXPIRE: &str = "DELETE FROM chat_mutes WHERE until <= ?1";

/// Rooms that nobody speaks in any more, and mutes that are over, are deleted after so many batches.
const FORGET_AFTER: u64 = 1000;

/// Messages and mutes in the tables `chat_messages` and `chat_mutes` of an SQLite file, which is created when it
/// is missing. Of each room it keeps about as many messages as the chat remembers, and of about as
/// many rooms.
///
/// What was said is on the disk a tenth of a second later: the frame does not wait for it, so a crash can
/// lose the last of it. An ordinary end of the app waits up to a second for it.
///
/// ```no_run
/// use bevy_bouncer_chat::{ChatOptions, ChatPlugin, SqliteChat};
///
/// # fn chat() -> Result<ChatPlugin, Box<dyn std::error::Error>> {
/// let chat = ChatPlugin::new(ChatOptions::default())?.archive(SqliteChat::open("chat.db")?);
/// # Ok(chat)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteChat {
    pool: SqlitePool,
    limits: Arc<KeptAmount>,
}

/// How much is kept; set when it is loaded.
#[derive(Debug)]
struct KeptAmount {
    rooms: AtomicI64,
    messages: AtomicI64,
    /// Batches that were stored.
    batches: AtomicU64,
}

type MessageRow = (
    String,
    i64,
    String,
    i64,
    Option<String>,
    Option<String>,
    u8,
    Option<String>,
    Option<String>,
);
type MuteRow = (String, String, Option<u8>, String, i64, u8, Option<String>);

impl SqliteChat {
    /// Opens the file, or creates it. Blocks; not to be called in async code.
    ///
    /// # Errors
    /// [`ArchiveError`] when the file cannot be opened, is locked by another process, is not a database, or has
    /// tables of these names and another shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArchiveError> {
        let needed = &[
            FORGET, MESSAGES, MUTES, SAY, TRIM, DELETE, MUTE, UNMUTE, EXPIRE,
        ];
        let pool = SqliteFile::open(path, SCHEMA, needed)?.pool().clone();
        let limits = Arc::new(KeptAmount {
            rooms: AtomicI64::new(i64::MAX),
            messages: AtomicI64::new(i64::MAX),
            batches: AtomicU64::new(0),
        });
        Ok(Self { pool, limits })
    }

    async fn read(&self, rooms: usize, messages: usize) -> Result<LoadedArchive, ArchiveError> {
        let limits = &self.limits;
        limits.rooms.store(signed(rooms as u64), Ordering::Relaxed);
        let messages = signed(messages as u64);
        limits.messages.store(messages, Ordering::Relaxed);
        self.forget().await?;
        let messages: Vec<MessageRow> = sqlx::query_as(MESSAGES).fetch_all(&self.pool).await?;
        let mutes: Vec<MuteRow> = sqlx::query_as(MUTES).fetch_all(&self.pool).await?;
        Ok(LoadedArchive {
            messages: messages
                .into_iter()
                .map(message)
                .collect::<Result<_, _>>()?,
            mutes: mutes.into_iter().map(mute).collect::<Result<_, _>>()?,
        })
    }

    /// Deletes what is not needed any more.
    async fn forget(&self) -> Result<(), ArchiveError> {
        sqlx::query(FORGET)
            .bind(self.limits.rooms.load(Ordering::Relaxed))
            .bind(self.limits.messages.load(Ordering::Relaxed))
            .execute(&self.pool)
            .await?;
        sqlx::query(EXPIRE)
            .bind(signed(unix_milliseconds()))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn write(&self, records: &[ChatRecord]) -> Result<(), ArchiveError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut rooms = HashSet::new();
        for record in records {
            if let ChatRecord::Said(message) = record {
                rooms.insert(&*message.room);
            }
            put(&mut transaction, record).await?;
        }
        let messages = self.limits.messages.load(Ordering::Relaxed);
        for room in rooms {
            sqlx::query(TRIM)
                .bind(room)
                .bind(messages)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        // What is stored stays so, whether or not there is time for this now.
        let batches = self.limits.batches.fetch_add(1, Ordering::Relaxed) + 1;
        if batches.is_multiple_of(FORGET_AFTER)
            && let Err(error) = self.forget().await
        {
            tracing::warn!(%error, "what the chat does not need any more is not deleted");
        }
        Ok(())
    }
}

impl ChatArchive for SqliteChat {
    fn load(&self, rooms: usize, messages: usize) -> ArchiveFuture<'_, LoadedArchive> {
        Box::pin(self.read(rooms, messages))
    }

    fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()> {
        Box::pin(self.write(records))
    }
}

async fn put(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &ChatRecord,
) -> Result<(), sqlx::Error> {
    let query = match record {
        ChatRecord::Said(said) => sqlx::query(SAY)
            .bind(&*said.mid)
            .bind(&*said.room)
            .bind(signed(said.seq))
            .bind(signed(said.at))
            .bind(said.user.as_ref().map(UserId::as_str))
            .bind(said.name.as_deref())
            .bind(said.rank)
            .bind(&said.text)
            .bind(&said.client_id),
        ChatRecord::Deleted(mid) => sqlx::query(DELETE).bind(&**mid),
        ChatRecord::Muted(mute) => sqlx::query(MUTE)
            .bind(mute.user.as_str())
            .bind(mute.room.as_deref().unwrap_or_default())
            .bind(&mute.name)
            .bind(mute.rank)
            .bind(signed(mute.until))
            .bind(mute.by_rank)
            .bind(&mute.reason),
        ChatRecord::Unmuted(user, room) => sqlx::query(UNMUTE)
            .bind(user.as_str())
            .bind(room.as_deref().unwrap_or_default()),
    };
    query.execute(&mut **transaction).await.map(drop)
}

fn message(
    (room, seq, mid, at, user, name, rank, text, client_id): MessageRow,
) -> Result<StoredMessage, ArchiveError> {
    Ok(StoredMessage {
        room: room.into(),
        seq: unsigned(seq)?,
        mid: mid.into(),
        at: unsigned(at)?,
        user: user.map(user_id).transpose()?,
        name: name.map(Arc::from),
        rank,
        text,
        client_id,
    })
}

fn mute(
    (user, name, rank, room, until, by_rank, reason): MuteRow,
) -> Result<StoredMute, ArchiveError> {
    Ok(StoredMute {
        user: user_id(user)?,
        name,
        rank,
        room: Some(room).filter(|room| !room.is_empty()),
        until: unsigned(until)?,
        by_rank,
        reason,
    })
}

fn user_id(id: String) -> Result<UserId, ArchiveError> {
    UserId::new(id).map_err(|error| ArchiveError(error.to_string()))
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, ArchiveError> {
    u64::try_from(number).map_err(|_| ArchiveError("a number is negative".to_owned()))
}

impl From<sqlx::Error> for ArchiveError {
    fn from(error: sqlx::Error) -> Self {
        Self(SqliteFile::describe(&error))
    }
}

impl From<SqliteError> for ArchiveError {
    fn from(error: SqliteError) -> Self {
        Self(error.to_string())
    }
}
