//! What is said is acknowledged, and told once more when it is stored.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use bevy_bouncer_chat::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{support::*, talker::*};

/// An archive that stores when it is let.
#[derive(Clone)]
struct Slow(Arc<SlowState>);

struct SlowState {
    go_on: Semaphore,
    fails: AtomicBool,
    kept: Mutex<Vec<ChatRecord>>,
}

impl Slow {
    fn new() -> Self {
        Self(Arc::new(SlowState {
            go_on: Semaphore::new(0),
            fails: AtomicBool::new(false),
            kept: Mutex::default(),
        }))
    }

    fn go_on(&self) {
        self.0.go_on.add_permits(1_000_000);
    }
}

impl ChatArchive for Slow {
    fn load(&self, _: usize, _: usize) -> ArchiveFuture<'_, LoadedArchive> {
        Box::pin(async { Ok(LoadedArchive::default()) })
    }

    fn store<'a>(&'a self, records: &'a [ChatRecord]) -> ArchiveFuture<'a, ()> {
        Box::pin(async {
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(ArchiveError("no disk".into()));
            }
            self.0.go_on.acquire().await.unwrap().forget();
            self.0.kept.lock().unwrap().extend(records.iter().cloned());
            Ok(())
        })
    }
}

fn kept_by(archive: &Slow, change: impl FnOnce(&mut ChatOptions)) -> Game {
    let mut options = options();
    change(&mut options);
    let plugin = ChatPlugin::new(options).unwrap();
    let mut config = config();
    config.limits.duplicate_login = bevy_bouncer::DuplicateLogin::Allow;
    config.limits.connections_per_user = 3;
    open_with(config, plugin.archive(archive.clone()))
}

fn with_id(text: &str, id: &str) -> Value {
    let mut request = said(text);
    request["id"] = json!(id);
    request
}

#[test]
fn an_author_learns_when_it_is_stored_in_all_sessions_and_nobody_else_does() {
    let archive = Slow::new();
    let mut game = kept_by(&archive, |_| ());
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut ann_too = Talker::join(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    assert_eq!(ann.ack(&mut game, with_id("one", "c1"))["stored"], false);
    assert_eq!(ann.ack(&mut game, with_id("two", "c2"))["stored"], false);
    // While it waits, the same id is answered the same.
    assert_eq!(ann.ack(&mut game, with_id("one", "c1"))["stored"], false);
    let is_told = |it: &Value| it["op"] == "chat.stored";
    assert!(!ann.all(&mut game).iter().any(is_told));
    archive.go_on();
    let last = json!({"op": "chat.stored", "room": "a", "seq": 2});
    for talker in [&mut ann, &mut ann_too] {
        talker.find(&mut game, "that all is stored", |it| *it == last);
    }
    assert!(!bob.all(&mut game).iter().any(is_told));
    assert_eq!(ann.ack(&mut game, with_id("one", "c1"))["stored"], true);
    // Whoever comes into the room again is told again, and only of what they said.
    ann.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    ann.find(&mut game, "that all is stored", |it| *it == last);
    bob.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    assert!(!bob.heard.iter().any(is_told));
}

#[test]
fn what_cannot_be_stored_is_not_called_stored() {
    let archive = Slow::new();
    archive.0.fails.store(true, Ordering::SeqCst);
    let mut game = kept_by(&archive, |_| ());
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "one");
    let begun = std::time::Instant::now();
    game.until("it was tried several times", |_| {
        begun.elapsed() > std::time::Duration::from_millis(600)
    });
    assert!(
        ann.all(&mut game)
            .iter()
            .all(|it| it["op"] != "chat.stored")
    );
    archive.0.fails.store(false, Ordering::SeqCst);
    archive.go_on();
    assert_eq!(ann.hear(&mut game, "chat.stored")["seq"], 1);
}

#[test]
fn what_has_no_place_in_the_queue_is_not_said_to_wait_for_the_archive() {
    let archive = Slow::new();
    let mut game = kept_by(&archive, |options| {
        options.archive_queue = 2;
        options.burst = 1000;
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut number = 0;
    let lost = loop {
        number += 1;
        assert!(number < 2000, "the queue is never full");
        let ack = ann.ack(&mut game, with_id("hi", &format!("c{number}")));
        if ack["stored"].is_null() {
            break ack;
        }
    };
    archive.go_on();
    let before = lost["seq"].as_u64().unwrap() - 1;
    ann.find(&mut game, "those before", |it| {
        it["op"] == "chat.stored" && it["seq"] == before
    });
    let last = format!("c{number}");
    assert!(ann.ack(&mut game, with_id("hi", &last))["stored"].is_null());
}

#[test]
fn without_an_archive_nothing_is_said_about_storing_and_whispers_are_never_stored() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    assert!(ann.say(&mut game, "hi")["stored"].is_null());
    let archive = Slow::new();
    archive.go_on();
    let mut game = kept_by(&archive, |_| ());
    let mut ann = Talker::in_room(&mut game, "ann");
    let whisper = whispered("ann", "hi");
    assert!(ann.ack(&mut game, whisper)["stored"].is_null());
}

#[test]
fn after_a_restart_what_was_stored_is_known_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let open_file = || {
        let archive = SqliteChat::open(&file).unwrap();
        open(ChatPlugin::new(options()).unwrap().archive(archive))
    };
    let mut game = open_file();
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.ack(&mut game, with_id("one", "c1"))["stored"], false);
    ann.hear(&mut game, "chat.stored");
    exit(game);
    let mut game = open_file();
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.hear(&mut game, "chat.stored")["seq"], 1);
    assert_eq!(ann.ack(&mut game, with_id("one", "c1"))["stored"], true);
}
