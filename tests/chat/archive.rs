//! What outlasts the server.

use std::path::Path;

use bevy_bouncer::BouncerPlugin;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{
    support::*,
    talker::{authenticator, *},
};

fn kept(file: &Path, change: impl FnOnce(&mut ChatOptions)) -> Game {
    let mut options = options();
    change(&mut options);
    let archive = SqliteChat::open(file).unwrap();
    open(ChatPlugin::new(options).unwrap().archive(archive))
}

fn texts(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(text_of).collect()
}

#[test]
fn messages_mutes_and_ids_outlast_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let mut game = kept(&file, |_| ());
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut first = said("first");
    first["id"] = json!("m1");
    let mut answer = ann.ack(&mut game, first.clone());
    let mid = ann.say(&mut game, "oops")["mid"].clone();
    ann.ack(
        &mut game,
        json!({"op": "chat.delete", "room": "a", "mid": mid}),
    );
    for (user, room) in [
        ("ann", Value::Null),
        ("bob", json!("a")),
        ("eve", Value::Null),
    ] {
        drop(Talker::join(&mut game, user));
        let mute = json!({"op": "mod.mute", "user": user, "room": room, "reason": "calm down"});
        moderator.ack(&mut game, mute);
    }
    moderator.ack(&mut game, json!({"op": "mod.unmute", "user": "eve"}));
    exit(game);

    let mut game = kept(&file, |_| ());
    let mut ann = Talker::join(&mut game, "ann");
    assert_eq!(ann.hear(&mut game, "muted")["reason"], "calm down");
    let again = ann.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    assert_eq!(texts(&again), ["first", "(deleted)"]);
    assert_eq!(again["seq"], 2);
    // It was said, and is not said again.
    answer["stored"] = json!(true);
    assert_eq!(ann.ack(&mut game, first), answer);
    assert_eq!(ann.err(&mut game, said("third")), "muted");
    let mut bob = Talker::in_room(&mut game, "bob");
    assert_eq!(bob.err(&mut game, said("third")), "muted");
    bob.ack(&mut game, whispered("ann", "psst"));
    let mut eve = Talker::in_room(&mut game, "eve");
    let third = eve.say(&mut game, "third");
    assert_eq!(third["seq"], 3);
    assert_ne!(third["mid"], answer["mid"]);
}

#[test]
fn after_a_restart_nobody_touches_a_superior_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let mut game = kept(&file, |_| ());
    let mut admin = Talker::in_room(&mut game, "admin-1");
    let law = admin.say(&mut game, "law")["mid"].clone();
    let words = Talker::in_room(&mut game, "ann").say(&mut game, "hm")["mid"].clone();
    drop(Talker::join(&mut game, "silent"));
    let mute = |user: &str| json!({"op": "mod.mute", "user": user, "room": "a"});
    Talker::join(&mut game, "mod-1").ack(&mut game, mute("silent"));
    exit(game);

    let mut game = kept(&file, |_| ());
    let mut moderator = Talker::join(&mut game, "mod-1");
    let delete = |mid: Value| json!({"op": "chat.delete", "room": "a", "mid": mid});
    for request in [mute("admin-1"), delete(law)] {
        assert_eq!(moderator.err(&mut game, request), "forbidden");
    }
    let unmute = json!({"op": "mod.unmute", "user": "silent", "room": "a"});
    for request in [mute("ann"), delete(words), unmute] {
        moderator.ack(&mut game, request);
    }
    assert_eq!(moderator.err(&mut game, mute("never-here")), "unknown_user");
    let listed = moderator.ack(&mut game, json!({"op": "mod.mutes"}));
    assert_eq!(listed["mutes"][0]["name"], "Name of ann");
}

#[test]
fn p09_the_file_keeps_as_many_messages_as_the_chat() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let few = |options: &mut ChatOptions| {
        options.history = 3;
        options.history_page = 3;
        options.closed_rooms = 1;
    };
    let mut game = kept(&file, few);
    let mut ann = Talker::in_room(&mut game, "ann");
    for number in 0..10 {
        ann.say(&mut game, &number.to_string());
    }
    ann.ack(&mut game, json!({"op": "room.join", "room": "b"}));
    ann.ack(
        &mut game,
        json!({"op": "chat.send", "room": "b", "d": {"text": "b"}}),
    );
    exit(game);
    let archive = SqliteChat::open(&file).unwrap();
    let kept = block_on(archive.load(10, 100)).unwrap();
    let numbers: Vec<_> = kept.messages.iter().map(|said| said.seq).collect();
    assert_eq!(numbers, [8, 9, 10, 1]);
    // Of the rooms, those where somebody spoke last.
    let kept = block_on(archive.load(1, 100)).unwrap();
    assert_eq!(kept.messages.len(), 1);
    assert_eq!(&*kept.messages[0].room, "b");
}

#[test]
fn a_file_that_is_no_archive_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    std::fs::write(
        &file,
        "this is no database, but long enough to be looked at",
    )
    .unwrap();
    let error = SqliteChat::open(&file).unwrap_err();
    assert!(
        error.to_string().starts_with("the chat's archive failed: "),
        "{error}"
    );
}

#[test]
fn a_bad_option_is_named_at_the_start() {
    let mut options = options();
    options.text_length = 0;
    let error = ChatPlugin::new(options).err().unwrap();
    assert_eq!(error.field, "chat.text_length");
}

#[test]
fn p09_rooms_that_nobody_speaks_in_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let archive = SqliteChat::open(&file).unwrap();
    let _ = block_on(archive.load(3, 10)).unwrap();
    for number in 0..1000 {
        let said = StoredMessage {
            room: format!("match {}", number / 100).into(),
            seq: number % 100 + 1,
            mid: format!("m-{number}").into(),
            at: number,
            user: None,
            name: None,
            rank: 0,
            text: Some("hi".into()),
            client_id: None,
        };
        block_on(archive.store(&[ChatRecord::Said(said)])).unwrap();
    }
    let kept = block_on(archive.load(1000, 1000)).unwrap();
    let rooms: std::collections::BTreeSet<_> =
        kept.messages.iter().map(|said| &*said.room).collect();
    assert_eq!(Vec::from_iter(rooms), ["match 7", "match 8", "match 9"]);
    assert_eq!(kept.messages.len(), 30);
}

/// A game that updates its app by hand need not know of `App::cleanup`.
#[test]
fn an_app_that_is_not_cleaned_up_keeps_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let door = BouncerPlugin::bind(config().subprotocols([SUBPROTOCOL]), authenticator()).unwrap();
    let (address, bouncer) = (door.local_addr(), door.bouncer());
    let chat = ChatPlugin::new(options()).unwrap();
    let chat = chat.archive(SqliteChat::open(&file).unwrap());
    let mut app = bevy_app::App::new();
    app.init_resource::<Seen>().add_plugins((door, chat));
    app.finish();
    app.world_mut().spawn(Room::open("a"));
    let mut game = Game {
        app,
        address,
        bouncer,
        offer: Some(SUBPROTOCOL),
    };
    Talker::in_room(&mut game, "ann").say(&mut game, "kept");
    exit(game);
    let archive = SqliteChat::open(&file).unwrap();
    let kept = block_on(archive.load(10, 10)).unwrap();
    assert_eq!(kept.messages[0].text.as_deref(), Some("kept"));
}
