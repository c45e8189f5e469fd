//! A game beside the chat: it sees, changes, forbids, speaks, and has messages of its own.

use bevy_bouncer::Outbox;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{support::*, talker::*};

#[derive(Deserialize, Debug, Clone, PartialEq)]
struct Move {
    x: f32,
    y: f32,
}

#[derive(Serialize)]
struct State {
    tick: u64,
}

impl TypedMessage for State {
    const OP: &'static str = "state";
}

#[derive(Resource, Default)]
struct Moves(Vec<FromPlayer<Move>>);

fn moving() -> Game {
    let mut game = start();
    game.app
        .add_client_message::<Move>("move")
        .init_resource::<Moves>()
        .add_systems(
            bevy_app::Update,
            |mut read: MessageReader<FromPlayer<Move>>, mut moves: ResMut<Moves>| {
                moves.0.extend(read.read().cloned());
            },
        );
    game
}

#[test]
fn a_game_has_typed_messages_beside_the_chat() {
    let mut game = moving();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    ann.ack(&mut game, json!({"op": "move", "d": {"x": 1.5, "y": 2}}));
    for wrong in [
        json!({"x": 1.5}),
        json!({"x": "1", "y": 2}),
        json!(null),
        json!([1]),
    ] {
        let request = json!({"op": "move", "d": wrong});
        assert_eq!(ann.err(&mut game, request), "schema_mismatch");
    }
    assert_eq!(
        ann.err(&mut game, json!({"op": "moves", "d": {}})),
        "unknown_op"
    );
    // Nobody is harmed.
    bob.ack(&mut game, json!({"op": "move", "d": {"x": 0, "y": 0}}));
    ann.say(&mut game, "still here");
    game.tick();
    let player = game.entity_of("ann");
    let moves = &game.world().resource::<Moves>().0;
    let message = Move { x: 1.5, y: 2.0 };
    assert_eq!(moves.len(), 2);
    assert_eq!(moves[0], FromPlayer { player, message });
    game.run(|mut outbox: Outbox| outbox.broadcast_typed(&State { tick: 7 }).unwrap());
    for talker in [&mut ann, &mut bob] {
        assert_eq!(
            talker.hear(&mut game, "state"),
            json!({"op": "state", "d": {"tick": 7}})
        );
    }
}

#[test]
#[should_panic(expected = "the chat's own")]
fn a_game_cannot_take_the_chats_names() {
    start().app.add_client_message::<Move>("chat.send");
}

#[test]
#[should_panic(expected = "another message")]
fn a_name_is_given_once() {
    moving().app.add_client_message::<State2>("move");
}

#[derive(Deserialize)]
struct State2 {}

#[test]
fn a_game_may_forbid_words_and_change_them() {
    let mut game = start();
    game.app.add_observer(|mut speaking: On<Speaking>| {
        let text = speaking.text().to_owned();
        if text.contains("secret") {
            speaking.refuse();
        } else if text.contains("darn") {
            speaking.replace(text.replace("darn", "****"));
        }
        assert_eq!(speaking.user().id().as_str(), "ann");
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.err(&mut game, said("a secret")), "refused");
    ann.say(&mut game, "darn it");
    assert_eq!(ann.texts(&mut game), ["**** it"]);
}

#[derive(Resource, Default)]
struct Overheard(Vec<(Option<String>, String)>);

#[test]
fn a_game_hears_everything_and_speaks_itself() {
    let mut game = start();
    game.app.init_resource::<Overheard>().add_systems(
        bevy_app::Update,
        |mut spoken: MessageReader<Spoken>, mut overheard: ResMut<Overheard>| {
            for said in spoken.read() {
                let id = said.user.as_ref().map(|user| user.id().to_string());
                overheard.0.push((id, said.text.clone()));
            }
        },
    );
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "who is there?");
    let room = room(&mut game, "a");
    for (name, text) in [
        (Some("Rooster".to_owned()), "cock-a-doodle-doo"),
        (None, "dawn"),
    ] {
        let text = text.to_owned();
        game.world()
            .write_message(Announcement { room, name, text });
    }
    let rooster = ann.find(&mut game, "rooster", |it| it["seq"] == 2);
    assert_eq!(rooster["from"], json!({"name": "Rooster"}));
    let dawn = ann.find(&mut game, "dawn", |it| it["seq"] == 3);
    assert!(dawn["from"].is_null());
    game.tick();
    let overheard = &game.world().resource::<Overheard>().0;
    let expected = [
        (Some("ann".to_owned()), "who is there?".to_owned()),
        (None, "cock-a-doodle-doo".to_owned()),
        (None, "dawn".to_owned()),
    ];
    assert_eq!(overheard[..], expected);
    // Not in a room that is none.
    let nowhere = game.entity_of("ann");
    let text = "lost".to_owned();
    game.world().write_message(Announcement {
        room: nowhere,
        name: None,
        text,
    });
    ann.say(&mut game, "fine");
}
