//! The game puts players into rooms and takes them out, and has a say in who comes in.

use std::time::Duration;

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};

use crate::{fleet::Fleet, support::*, talker::*};

fn queue(game: &mut Game, command: impl Command<Out = ()>) {
    game.world().commands().queue(command);
    game.world().flush();
}

fn enter(game: &mut Game, user: &str, name: &str) {
    let (player, room) = (game.entity_of(user), room(game, name));
    queue(game, Enter { player, room });
}

fn leave(game: &mut Game, user: &str, name: &str) {
    let (player, room) = (game.entity_of(user), room(game, name));
    queue(game, Leave { player, room });
}

/// What kept players out.
#[derive(Resource, Default)]
struct Refused(Vec<EnterRefused>);

fn note_refusals(game: &mut Game) {
    game.app.init_resource::<Refused>();
    let note = |refused: On<EnterRefused>, mut all: ResMut<Refused>| all.0.push(refused.clone());
    game.app.add_observer(note);
}

fn codes(game: &mut Game) -> Vec<ErrorCode> {
    let refused = std::mem::take(&mut game.world().resource_mut::<Refused>().0);
    refused.into_iter().map(|refused| refused.code).collect()
}

fn joins(name: &str) -> Value {
    json!({"op": "room.join", "room": name})
}

#[test]
fn who_is_put_into_a_room_is_told_what_a_join_is_answered_with() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "before");
    let mut bob = Talker::join(&mut game, "bob");
    enter(&mut game, "bob", "a");
    let mut told = bob.hear(&mut game, "room.joined");
    assert_eq!(text_of(&told["messages"][0]), "before");
    assert_eq!((&told["seq"], &told["count"]), (&json!(1), &json!(2)));
    // The answer to a request has the same, and nothing else.
    let mut ack = bob.ack(&mut game, joins("a"));
    for message in [&mut told, &mut ack] {
        let message = message.as_object_mut().unwrap();
        message.remove("op");
        message.remove("re");
    }
    assert_eq!(told, ack);
    let came = |it: &Value| it["joined"][0]["id"] == "bob";
    ann.find(&mut game, "bob", came);
    ann.say(&mut game, "hello bob");
    bob.find(&mut game, "hello", |it| it["seq"] == 2);
    bob.say(&mut game, "hello ann");
    // Who is in already is told nothing, and the room neither.
    enter(&mut game, "bob", "a");
    let heard = bob.all(&mut game);
    assert!(
        heard.iter().all(|it| it["op"] != "room.joined"),
        "{heard:?}"
    );

    leave(&mut game, "bob", "a");
    assert_eq!(bob.hear(&mut game, "room.closed")["room"], "a");
    assert_eq!(bob.err(&mut game, said("still here?")), "not_in_room");
    ann.find(&mut game, "bob's leaving", |it| {
        it["left"] == json!(["bob"])
    });
    leave(&mut game, "bob", "a");
    let heard = bob.all(&mut game);
    assert!(
        heard.iter().all(|it| it["op"] != "room.closed"),
        "{heard:?}"
    );
    // The client may come again, and leave a room into which it was put.
    enter(&mut game, "bob", "b");
    bob.ack(&mut game, json!({"op": "room.leave", "room": "b"}));
    bob.ack(&mut game, joins("a"));
}

#[test]
fn a_newcomer_may_be_put_into_a_room_at_once_and_hears_hello_first() {
    let mut game = start();
    let lobby = room(&mut game, "a");
    game.app
        .add_observer(move |joined: On<Add<User>>, mut commands: Commands| {
            let player = joined.entity;
            commands.queue(Enter {
                player,
                room: lobby,
            });
        });
    let mut ann = Talker::arrive(&mut game, "ann");
    ann.find(&mut game, "its room", |it| it["op"] == "room.joined");
    assert_eq!(ann.heard[0]["op"], "hello");
    ann.say(&mut game, "hi");
}

#[test]
fn the_game_is_bound_by_the_rooms_door_and_the_limits_and_learns_what_did_not_happen() {
    let mut game = chat(|options| options.rooms_per_player = 1);
    note_refusals(&mut game);
    let mut ann = Talker::join(&mut game, "ann");
    enter(&mut game, "ann", "vip");
    assert_eq!(codes(&mut game), [ErrorCode::UnknownRoom]);
    enter(&mut game, "ann", "a");
    enter(&mut game, "ann", "b");
    assert_eq!(codes(&mut game), [ErrorCode::Full]);
    // An entity that is no room, or no player.
    let (player, room) = (game.entity_of("ann"), room(&mut game, "a"));
    queue(
        &mut game,
        Enter {
            player,
            room: player,
        },
    );
    assert_eq!(codes(&mut game), [ErrorCode::UnknownRoom]);
    queue(&mut game, Enter { player: room, room });
    assert_eq!(codes(&mut game), [ErrorCode::UnknownUser]);
    queue(
        &mut game,
        Leave {
            player: room,
            room: player,
        },
    );
    // Players who do not speak the chat's language are in no rooms.
    game.offer = None;
    let _raw = game.join("raw");
    game.offer = Some(SUBPROTOCOL);
    enter(&mut game, "raw", "a");
    assert_eq!(codes(&mut game), [ErrorCode::UnknownUser]);
    let joined = ann.all(&mut game).into_iter();
    let joined = joined.filter(|it| it["op"] == "room.joined");
    assert_eq!(joined.count(), 1);
}

#[derive(Component)]
struct Spectator;

fn players_only(mut entering: On<Entering>, spectators: Query<(), With<Spectator>>) {
    if spectators.contains(entering.player()) {
        assert_eq!(entering.user().id().as_str(), "ann");
        match entering.asked_by() {
            AskedBy::Client => {
                entering.refuse_with(ErrorCode::Forbidden, Some("take a seat first"));
                // The first counts.
                entering.refuse();
            }
            AskedBy::Game => entering.refuse(),
        }
        assert!(entering.is_refused());
    }
}

#[test]
fn an_observer_refuses_who_comes_in_whoever_asked() {
    let mut game = start();
    note_refusals(&mut game);
    game.app.add_observer(players_only);
    let mut ann = Talker::join(&mut game, "ann");
    let player = game.entity_of("ann");
    game.world().entity_mut(player).insert(Spectator);
    assert_eq!(ann.err(&mut game, joins("a")), "forbidden");
    let notice =
        json!({"op": "notice", "room": "a", "text": "take a seat first", "tone": "warning"});
    assert_eq!(
        ann.heard.pop().unwrap(),
        notice,
        "the words come before the error"
    );
    enter(&mut game, "ann", "a");
    assert_eq!(codes(&mut game), [ErrorCode::Refused]);
    let entered = room(&mut game, "a");
    assert!(game.world().get::<RoomMembers>(entered).unwrap().is_empty());
    // Nobody is asked about who is in already, or has no way in anyhow.
    game.world().entity_mut(player).remove::<Spectator>();
    ann.ack(&mut game, joins("a"));
    game.world().entity_mut(player).insert(Spectator);
    ann.ack(&mut game, joins("a"));
    assert_eq!(ann.err(&mut game, joins("vip")), "unknown_room");
}

#[test]
fn an_observer_that_changes_everything_harms_nothing() {
    let mut game = start();
    note_refusals(&mut game);
    let other = room(&mut game, "b");
    game.app
        .add_observer(move |entering: On<Entering>, mut commands: Commands| {
            match entering.user().id().as_str() {
                "closes" => commands.entity(entering.room()).despawn(),
                "moves" if entering.room() != other => {
                    let player = entering.player();
                    commands.queue(Enter {
                        player,
                        room: other,
                    });
                }
                "kicked" => {
                    let mut player = commands.entity(entering.player());
                    player.disconnect(DisconnectReason::Kicked, None);
                }
                _ => {}
            }
        });
    let mut moves = Talker::join(&mut game, "moves");
    moves.ack(&mut game, joins("a"));
    assert_eq!(moves.hear(&mut game, "room.joined")["room"], "b");
    let player = game.entity_of("moves");
    assert_eq!(
        game.world().get::<InRooms>(player).unwrap().iter().count(),
        2
    );
    let mut kicked = Talker::join(&mut game, "kicked");
    kicked.send(joins("a"));
    assert_eq!(kicked.close(&mut game).0, 4004);
    let mut closes = Talker::join(&mut game, "closes");
    assert_eq!(closes.err(&mut game, joins("a")), "unknown_room");
    assert_eq!(moves.hear(&mut game, "room.closed")["room"], "a");
}

#[test]
fn who_comes_back_is_told_of_the_rooms_that_the_game_has_given() {
    let mut config = config();
    config.limits.resume_window = Duration::from_secs(60);
    let mut game = open_with(config, ChatPlugin::new(options()).unwrap());
    let ann = Talker::in_room(&mut game, "ann");
    enter(&mut game, "ann", "b");
    let mut bob = Talker::join(&mut game, "bob");
    bob.ack(&mut game, joins("b"));
    let socket = ann.client.socket.get_ref();
    socket.shutdown(std::net::Shutdown::Both).unwrap();
    drop(ann);
    game.until("the link is lost", |game| {
        let players = game.bouncer.players();
        players.iter().any(|player| !player.is_connected)
    });
    let words = json!({"op": "chat.send", "room": "b", "d": {"text": "while ann was away"}});
    bob.ack(&mut game, words);
    let mut ann = Talker::join(&mut game, "ann");
    let told = ann.hear(&mut game, "room.joined");
    assert_eq!(told["room"], "b");
    assert_eq!(text_of(&told["messages"][0]), "while ann was away");
    let heard = ann.all(&mut game);
    assert!(
        heard.iter().all(|it| it["op"] != "room.joined"),
        "{heard:?}"
    );
}

#[test]
fn each_node_puts_its_own_players_into_its_room() {
    let mut fleet = Fleet::start(&InProcessBackplane::new());
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut bob = Talker::join(&mut fleet.nodes[1], "bob");
    enter(&mut fleet.nodes[1], "bob", "a");
    bob.hear(&mut fleet.nodes[1], "room.joined");
    let mid = ann.say(&mut fleet.nodes[0], "hello")["mid"].clone();
    fleet.find(1, &mut bob, "hello", |it| it["mid"] == mid);
    leave(&mut fleet.nodes[1], "bob", "a");
    bob.hear(&mut fleet.nodes[1], "room.closed");
    // What comes from elsewhere is not for them any more either.
    let mid = ann.say(&mut fleet.nodes[0], "gone?")["mid"].clone();
    let mut eve = Talker::in_room(&mut fleet.nodes[1], "eve");
    let last = ann.say(&mut fleet.nodes[0], "last")["mid"].clone();
    fleet.find(1, &mut eve, "the last", |it| it["mid"] == last);
    assert!(
        bob.all(&mut fleet.nodes[1])
            .iter()
            .all(|it| it["mid"] != mid)
    );
}
