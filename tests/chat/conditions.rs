//! Rooms for players of whom something is true in the world.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bevy_app::Update;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};

use crate::{support::*, talker::*};

#[derive(Component, PartialEq, Clone, Copy)]
struct Team(u8);

#[derive(Resource)]
struct Night(bool);

fn is_red(world: &World, player: Entity) -> bool {
    world.get::<Team>(player) == Some(&Team(1))
}

/// With "red" for the team, and "moonlight" at night.
fn game() -> Game {
    let mut game = start();
    game.world().insert_resource(Night(true));
    game.world().spawn(Room::open("red").only_if(is_red));
    let at_night = |world: &World, _| world.resource::<Night>().0;
    game.world()
        .spawn(Room::open("moonlight").only_if(at_night));
    game
}

fn join_team(game: &mut Game, user: &str, team: u8) {
    let player = game.entity_of(user);
    game.world().entity_mut(player).insert(Team(team));
}

fn joins(name: &str) -> Value {
    json!({"op": "room.join", "room": name})
}

fn says(name: &str) -> Value {
    json!({"op": "chat.send", "room": name, "d": {"text": "hi"}})
}

fn listed(talker: &mut Talker, game: &mut Game) -> Vec<String> {
    let rooms = talker.ack(game, json!({"op": "room.list"}))["rooms"].clone();
    let names = rooms.as_array().unwrap().iter();
    names
        .map(|it| it["room"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_room_is_for_the_players_with_a_component_as_long_as_they_have_it() {
    let mut game = game();
    let mut ann = Talker::join(&mut game, "ann");
    let mut bob = Talker::join(&mut game, "bob");
    assert_eq!(ann.err(&mut game, joins("red")), "unknown_room");
    assert_eq!(listed(&mut ann, &mut game), ["a", "b", "moonlight"]);
    for user in ["ann", "bob"] {
        join_team(&mut game, user, 1);
    }
    assert_eq!(listed(&mut ann, &mut game), ["a", "b", "moonlight", "red"]);
    for talker in [&mut ann, &mut bob] {
        talker.ack(&mut game, joins("red"));
    }
    ann.ack(&mut game, says("red"));
    bob.hear(&mut game, "chat.msg");
    join_team(&mut game, "bob", 2);
    assert_eq!(bob.hear(&mut game, "room.closed")["room"], "red");
    ann.find(&mut game, "bob's leaving", |it| {
        it["left"] == json!(["bob"])
    });
    for request in [says("red"), json!({"op": "chat.history", "room": "red"})] {
        assert_eq!(bob.err(&mut game, request), "not_in_room");
    }
    assert_eq!(bob.err(&mut game, joins("red")), "unknown_room");
    ann.ack(&mut game, says("red"));
    assert!(bob.all(&mut game).iter().all(|it| it["op"] != "chat.msg"));
}

#[test]
fn a_room_that_is_open_for_a_while_sends_everybody_away_afterwards() {
    let mut game = game();
    let mut ann = Talker::join(&mut game, "ann");
    let mut moderator = Talker::join(&mut game, "mod-1");
    for talker in [&mut ann, &mut moderator] {
        talker.ack(&mut game, joins("moonlight"));
    }
    let moonlight = room(&mut game, "moonlight");
    game.world().resource_mut::<Night>().0 = false;
    for talker in [&mut ann, &mut moderator] {
        assert_eq!(talker.hear(&mut game, "room.closed")["room"], "moonlight");
    }
    assert!(
        game.world()
            .get::<RoomMembers>(moonlight)
            .unwrap()
            .is_empty()
    );
    // By day nobody rules it either, and nobody sees it.
    let slow = json!({"op": "mod.slow", "room": "moonlight", "seconds": 1});
    assert_eq!(moderator.err(&mut game, slow), "unknown_room");
    assert_eq!(listed(&mut ann, &mut game), ["a", "b"]);
    game.world().resource_mut::<Night>().0 = true;
    ann.ack(&mut game, joins("moonlight"));
}

#[test]
fn who_may_not_stay_hears_nothing_that_is_said_in_the_tick() {
    let mut game = game();
    game.world().resource_mut::<Night>().0 = false;
    let mut ann = Talker::join(&mut game, "ann");
    join_team(&mut game, "ann", 1);
    ann.ack(&mut game, joins("red"));
    let red = room(&mut game, "red");
    let change_sides =
        move |players: Query<Entity, With<Team>>,
              mut commands: Commands,
              mut announcements: MessageWriter<Announcement>| {
            for player in players {
                commands.entity(player).remove::<Team>();
                let text = "a secret of the reds".to_owned();
                announcements.write(Announcement {
                    room: red,
                    name: None,
                    text,
                });
            }
        };
    game.app.add_systems(Update, change_sides);
    ann.hear(&mut game, "room.closed");
    assert!(ann.all(&mut game).iter().all(|it| it["op"] != "chat.msg"));
}

#[test]
fn the_game_puts_nobody_where_the_condition_does_not_hold_and_two_conditions_both_hold() {
    let mut game = game();
    let both = Room::open("both").only_if(is_red);
    let both = both.only_if(|world, _| world.resource::<Night>().0);
    let both = game.world().spawn(both).id();
    let mut ann = Talker::join(&mut game, "ann");
    let player = game.entity_of("ann");
    let enter = move |mut commands: Commands| commands.queue(Enter { player, room: both });
    let is_in = |game: &mut Game| {
        let members = game.world().get::<RoomMembers>(both).unwrap();
        members.contains(player)
    };
    game.run(enter);
    assert!(!is_in(&mut game));
    join_team(&mut game, "ann", 1);
    game.world().resource_mut::<Night>().0 = false;
    game.run(enter);
    assert!(!is_in(&mut game));
    game.world().resource_mut::<Night>().0 = true;
    game.run(enter);
    assert!(is_in(&mut game));
    ann.hear(&mut game, "room.joined");
}

/// So many rooms for everybody, each with a condition that counts how often it is asked and holds for none but the last.
fn many(game: &mut Game, count: usize, access: impl RoomAccess + Clone) -> Arc<AtomicUsize> {
    let asked = Arc::<AtomicUsize>::default();
    for number in 0..count {
        let asked = asked.clone();
        let room = Room::new(format!("match-{number:05}"), access.clone());
        game.world().spawn(room.only_if(move |_, _| {
            asked.fetch_add(1, Ordering::Relaxed);
            number + 1 == count
        }));
    }
    asked
}

#[test]
fn p08_a_list_of_rooms_asks_about_few_conditions_however_many_there_are() {
    let mut game = start();
    let asked = many(&mut game, 2000, Open);
    let mut ann = Talker::join(&mut game, "ann");
    asked.store(0, Ordering::Relaxed);
    let answer = ann.ack(&mut game, json!({"op": "room.list"}));
    let count = asked.load(Ordering::Relaxed);
    assert!((1..=250).contains(&count), "{count}");
    assert_eq!(
        answer["more"], true,
        "the reader is told that there may be others"
    );

    // With an audience, the list has what is for the reader.
    let mut game = start();
    let asked = many(&mut game, 300, Invited([user("ann")].into()));
    let mut ann = Talker::join(&mut game, "ann");
    let mut bob = Talker::join(&mut game, "bob");
    assert!(listed(&mut ann, &mut game).contains(&"match-00299".to_owned()));
    asked.store(0, Ordering::Relaxed);
    assert_eq!(listed(&mut bob, &mut game), ["a", "b"]);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
