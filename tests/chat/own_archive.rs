//! An archive of the game's own: a client of some database, with a task beside it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use bevy_app::AppExit;
use bevy_bouncer_chat::*;
use tokio::sync::{mpsc, oneshot};

use crate::talker::*;

type Request = (usize, oneshot::Sender<()>);

/// Its task is spawned when it is loaded, as clients of databases do.
#[derive(Default)]
struct Client {
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    panics: AtomicBool,
    cannot_load: bool,
}

impl ChatArchive for Client {
    fn load(&self, _: usize, _: usize) -> ArchiveFuture<'_, LoadedArchive> {
        Box::pin(async {
            if self.cannot_load {
                return Err(ArchiveError("no such table".into()));
            }
            let (sender, mut requests) = mpsc::channel::<Request>(8);
            tokio::spawn(async move {
                while let Some((_, answer)) = requests.recv().await {
                    let _ = answer.send(());
                }
            });
            *self.requests.lock().unwrap() = Some(sender);
            Ok(LoadedArchive::default())
        })
    }

    fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()> {
        Box::pin(async {
            assert!(!self.panics.swap(false, Ordering::SeqCst), "once");
            let (answer, answered) = oneshot::channel();
            let requests = self.requests.lock().unwrap().clone().unwrap();
            let gone = |_| ArchiveError("the client's task is gone".into());
            let sent = requests.send((records.len(), answer)).await;
            sent.map_err(|_| ArchiveError("the client's task is gone".into()))?;
            answered.await.map_err(gone)
        })
    }
}

#[test]
fn what_is_spawned_at_the_load_lives_as_long_as_the_app() {
    let mut game = open(
        ChatPlugin::new(options())
            .unwrap()
            .archive(Client::default()),
    );
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "hi");
    ann.hear(&mut game, "chat.stored");
}

#[test]
fn an_archive_that_panics_has_failed_and_is_tried_again() {
    let archive = Client {
        panics: AtomicBool::new(true),
        ..Client::default()
    };
    let mut game = open(ChatPlugin::new(options()).unwrap().archive(archive));
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "hi");
    ann.hear(&mut game, "chat.stored");
}

#[test]
fn an_archive_that_cannot_be_read_ends_the_app_with_an_error() {
    let archive = Client {
        cannot_load: true,
        ..Client::default()
    };
    let mut game = open(ChatPlugin::new(options()).unwrap().archive(archive));
    game.tick();
    assert_eq!(game.app.should_exit(), Some(AppExit::error()));
}
