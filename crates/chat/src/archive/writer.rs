//! Hands records to the archive, off the ECS thread.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_app::AppExit;
use bevy_bouncer::UserId;
use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;
use tokio::{runtime::Runtime, sync::mpsc, task::JoinHandle};

use crate::archive::{ArchiveError, ChatArchive, ChatRecord};

/// Records that are stored together.
const BATCH: usize = 512;
/// How long records are collected, so that the disk is asked ten times a second at most.
const COLLECTING: Duration = Duration::from_millis(100);
/// Waits between attempts to store.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long the end of the app waits for what is not stored yet.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The number of the last message that is stored, of each author in each room.
type LastStored = HashMap<(UserId, Arc<str>), u64>;

/// What is stored and not taken from here: no more than was put into the queue meanwhile.
#[derive(Clone, Default)]
struct StoredMessages(Arc<Mutex<LastStored>>);

impl StoredMessages {
    fn lock(&self) -> MutexGuard<'_, LastStored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, records: &[ChatRecord]) {
        let mut stored = self.lock();
        for record in records {
            if let ChatRecord::Said(said) = record
                && let Some(user) = &said.user
            {
                stored.insert((user.clone(), said.room.clone()), said.seq);
            }
        }
    }
}

/// Takes records and writes them to the archive, beside the frame.
#[derive(Resource)]
pub(crate) struct ArchiveWriter {
    records: mpsc::Sender<ChatRecord>,
    lost: AtomicU64,
    stored: StoredMessages,
    task: JoinHandle<()>,
}

impl ArchiveWriter {
    /// Never waits: when nothing can be written for long, what does not fit is lost, and the log says so. The
    /// last tenth of the queue is for what moderators decide. Returns whether it will be stored.
    pub fn put(&self, record: ChatRecord) -> bool {
        let is_said = matches!(record, ChatRecord::Said(_));
        let is_full = is_said && self.records.capacity() <= self.records.max_capacity() / 10;
        let is_lost = is_full || self.records.try_send(record).is_err();
        if is_lost {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // Not a line for each.
            if lost.is_power_of_two() {
                tracing::error!(
                    lost,
                    "a part of the chat is not kept: chat.archive_queue is full"
                );
            }
        }
        !is_lost
    }

    /// Whether something has been stored since it was asked last.
    pub fn has_stored(&self) -> bool {
        !self.stored.lock().is_empty()
    }

    /// What has been stored since it was asked last.
    pub fn take_stored(&self) -> LastStored {
        std::mem::take(&mut *self.stored.lock())
    }
}

/// Starts the task that writes.
pub(crate) fn start(
    runtime: &Runtime,
    archive: Arc<dyn ChatArchive>,
    queue: usize,
) -> ArchiveWriter {
    let (sender, records) = mpsc::channel(queue);
    let stored = StoredMessages::default();
    let task = runtime.spawn(write(archive, records, stored.clone()));
    ArchiveWriter {
        records: sender,
        lost: AtomicU64::new(0),
        stored,
        task,
    }
}

async fn write(
    archive: Arc<dyn ChatArchive>,
    mut records: mpsc::Receiver<ChatRecord>,
    stored: StoredMessages,
) {
    let mut batch = Vec::new();
    while records.recv_many(&mut batch, BATCH).await > 0 {
        if !records.is_closed() {
            tokio::time::sleep(COLLECTING).await;
        }
        while batch.len() < BATCH
            && let Ok(record) = records.try_recv()
        {
            batch.push(record);
        }
        let whole = Arc::new(std::mem::take(&mut batch));
        let mut wait = FIRST_WAIT;
        while let Err(error) = store(&archive, &whole).await {
            tracing::error!(%error, records = whole.len(), "the chat is not kept yet");
            // The end of the app does not wait as long.
            let tried_at = Instant::now();
            while tried_at.elapsed() < wait && !records.is_closed() {
                tokio::time::sleep(FIRST_WAIT).await;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        stored.add(&whole);
    }
}

/// In a task of its own: an archive that panics has failed, and is tried again.
async fn store(
    archive: &Arc<dyn ChatArchive>,
    records: &Arc<Vec<ChatRecord>>,
) -> Result<(), ArchiveError> {
    let (archive, records) = (archive.clone(), records.clone());
    let stored = tokio::spawn(async move { archive.store(&records).await }).await;
    stored.unwrap_or_else(|error| Err(ArchiveError(error.to_string())))
}

/// When the app ends, it waits a moment until everything is stored.
pub(crate) fn flush(world: &mut World) {
    let Some(ArchiveWriter { records, task, .. }) = world.remove_resource::<ArchiveWriter>() else {
        return;
    };
    drop(records);
    let Some(runtime) = world.get_resource::<TokioTasksRuntime>() else {
        return;
    };
    let stored = async { tokio::time::timeout(LAST_WAIT, task).await };
    if !matches!(runtime.runtime().block_on(stored), Ok(Ok(()))) {
        tracing::error!("the app ends, and the last of the chat is not kept");
        world.write_message(AppExit::error());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::archive::{ArchiveFuture, LoadedArchive};

    /// Keeps nothing until it is let go.
    struct Stuck {
        go_on: Semaphore,
        kept: Mutex<Vec<ChatRecord>>,
    }

    impl ChatArchive for Stuck {
        fn load(&self, _: usize, _: usize) -> ArchiveFuture<'_, LoadedArchive> {
            Box::pin(async { Ok(LoadedArchive::default()) })
        }

        fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()> {
            Box::pin(async {
                // Fails only when it is closed, which nobody does.
                let _ = self.go_on.acquire().await;
                self.kept.lock().unwrap().extend(records.iter().cloned());
                Ok(())
            })
        }
    }

    fn said(number: usize) -> ChatRecord {
        ChatRecord::Said(crate::StoredMessage {
            room: "a".into(),
            seq: 0,
            mid: format!("m-{number}").into(),
            at: 0,
            user: None,
            name: None,
            rank: 0,
            text: Some("hi".into()),
            client_id: None,
        })
    }

    #[test]
    fn what_moderators_decide_is_kept_also_when_the_queue_is_full_of_words() {
        let runtime = Runtime::new().unwrap();
        let archive = Arc::new(Stuck {
            go_on: Semaphore::new(0),
            kept: Mutex::default(),
        });
        let writer = start(&runtime, archive.clone(), 20);
        // More than one batch: the queue is full, and stays so.
        let deadline = Instant::now() + Duration::from_secs(20);
        while writer.lost.load(Ordering::Relaxed) < 10 {
            assert!(Instant::now() < deadline);
            writer.put(said(1));
            std::thread::yield_now();
        }
        writer.put(ChatRecord::Deleted("m-1".into()));
        archive.go_on.add_permits(1000);
        let is_kept = || {
            let kept = archive.kept.lock().unwrap();
            kept.contains(&ChatRecord::Deleted("m-1".into()))
        };
        while !is_kept() {
            assert!(Instant::now() < deadline, "the deletion is lost");
            std::thread::yield_now();
        }
    }
}
