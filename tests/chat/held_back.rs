//! A game that holds the chat's systems back for a while loses nothing of it.

use bevy_app::prelude::*;
use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{
    support::*,
    talker::{Talker, authenticator, options, room},
};

/// Whether the game holds the chat back.
#[derive(Resource)]
struct Held(bool);

fn is_free(held: Res<Held>) -> bool {
    !held.0
}

/// A game that can hold the chat back. Rooms are told of nothing but what happens from here on.
fn game() -> Game {
    let door = BouncerPlugin::bind(config().subprotocols([SUBPROTOCOL]), authenticator()).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.insert_resource(Held(false))
            .add_plugins(ChatPlugin::new(options()).unwrap())
            .configure_sets(PreUpdate, ChatSystems::Receive.run_if(is_free))
            .configure_sets(PostUpdate, ChatSystems::Tell.run_if(is_free));
    });
    game.offer = Some(SUBPROTOCOL);
    game.world().spawn(Room::open("a"));
    game
}

#[test]
fn rules_that_change_meanwhile_are_told_afterwards() {
    let mut game = game();
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.all(&mut game);
    game.world().resource_mut::<Held>().0 = true;
    let room = room(&mut game, "a");
    game.world().get_mut::<RoomRules>(room).unwrap().is_frozen = true;
    for _ in 0..5 {
        game.tick();
    }
    game.world().resource_mut::<Held>().0 = false;
    let told = ann.hear(&mut game, "room.rules");
    assert_eq!(told["room"], "a");
}

#[test]
fn a_request_that_arrives_meanwhile_is_answered_in_the_next_update() {
    let mut game = game();
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.all(&mut game);
    let frames = game.seen().frames.len();
    game.world().resource_mut::<Held>().0 = true;
    ann.send(json!({"op": "room.list", "id": "asked-while-held"}));
    // The game has the frame, and the chat does not: a frame can be read in two updates.
    game.until("the frame is there", |game| {
        game.seen().frames.len() > frames
    });
    game.world().resource_mut::<Held>().0 = false;
    ann.find(&mut game, "the answer", |it| it["re"] == "asked-while-held");
}
