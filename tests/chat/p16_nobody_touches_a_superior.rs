//! P16: nobody touches a peer or a superior, on any node, present or away; and who is what follows the directory.

use std::time::{Duration, Instant};

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{
    moderating::{OPS, about},
    support::*,
    talker::*,
};

fn plugin(change: impl FnOnce(&mut ChatOptions)) -> ChatPlugin {
    let mut options = options();
    change(&mut options);
    ChatPlugin::new(options).unwrap()
}

fn game(people: &People) -> Game {
    open_for(people.clone(), patient(), plugin(|_| ()))
}

/// Everybody is checked again all the time.
fn rechecking(people: &People) -> Game {
    let mut config = patient();
    config.limits.recheck_interval = Duration::from_millis(100);
    open_for(people.clone(), config, plugin(|_| ()))
}

fn delete(mid: &Value) -> Value {
    json!({"op": "chat.delete", "room": "a", "mid": mid})
}

/// Whether this user could come in now.
fn may_come_in(game: &mut Game, id: &str) -> bool {
    game.connect(&token(id)).is_ok()
}

#[test]
fn p16_who_was_not_seen_since_the_start_is_looked_up_first() {
    let mut game = game(&People::default());
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mut admin = Talker::join(&mut game, "admin-1");
    for op in OPS {
        for superior in ["admin-2", "mod-2", "ann-unknown", "ann-broken"] {
            let request = about(op, superior);
            assert_eq!(
                moderator.err(&mut game, request),
                "forbidden",
                "{op} {superior}"
            );
        }
        let request = about(op, "never-seen");
        assert_eq!(moderator.err(&mut game, request), "unknown_user", "{op}");
        assert_eq!(
            admin.err(&mut game, about(op, "admin-2")),
            "forbidden",
            "{op}"
        );
        for below in ["mod-2", "ann-unknown", "ann-broken", "never-seen"] {
            admin.ack(&mut game, about(op, below));
        }
        moderator.ack(&mut game, about(op, "ann"));
    }
    assert!(may_come_in(&mut game, "admin-2"));
    moderator.ack(&mut game, about("mod.ban", "ann"));
    assert!(!may_come_in(&mut game, "ann"));
}

#[test]
fn p16_what_was_heard_of_somebody_is_no_proof() {
    let people = People::default();
    let mut game = game(&people);
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut others = ["ann", "mod-2"].map(|id| {
        let mut talker = Talker::in_room(&mut game, id);
        talker.say(&mut game, "seen");
        talker
    });
    let mutes = json!({"op": "mod.mute", "user": "ann", "seconds": 60});
    moderator.ack(&mut game, mutes);
    others
        .iter_mut()
        .for_each(|it| drop(it.client.socket.close(None)));
    drop(others);
    game.until("both are gone", |game| game.players() == 1);
    people.write("ann", "Ann", &["admin"]);
    people.write("mod-2", "Somebody", &[]);
    for op in OPS {
        assert_eq!(
            moderator.err(&mut game, about(op, "ann")),
            "forbidden",
            "{op}"
        );
        moderator.ack(&mut game, about(op, "mod-2"));
    }
    assert!(may_come_in(&mut game, "ann"));
}

#[test]
fn p16_a_moderator_who_is_demoted_meanwhile_decides_nothing() {
    let people = People::default();
    let mut game = rechecking(&people);
    let mut moderator = Talker::join(&mut game, "mod-1");
    let gate = people.hold_next();
    moderator.send(json!({"op": "mod.ban", "user": "ann", "id": "ban"}));
    game.until("ann is looked up", |_| people.is_held());
    people.write("mod-1", "Somebody", &[]);
    let player = game.entity_of("mod-1");
    game.until("the demotion", |game| {
        game.app
            .world()
            .get::<User>(player)
            .unwrap()
            .roles()
            .is_empty()
    });
    gate.add_permits(1);
    let answer = moderator.find(&mut game, "answer", |it| it["re"] == "ban");
    assert_eq!(answer["code"], "forbidden");
    assert!(may_come_in(&mut game, "ann"));
}

#[test]
fn p16_a_moderator_who_has_left_meanwhile_decides_nothing() {
    let people = People::default();
    let mut game = game(&people);
    let mut moderator = Talker::join(&mut game, "mod-1");
    let gate = people.hold_next();
    moderator.send(json!({"op": "mod.ban", "user": "ann"}));
    game.until("ann is looked up", |_| people.is_held());
    moderator.client.socket.close(None).unwrap();
    moderator.client.hear();
    // In the next tick the entity is there for the last time, and ann is known.
    let deadline = Instant::now() + PATIENCE;
    gate.add_permits(1);
    while people.looked_up() == 0 || !game.bouncer.players().is_empty() {
        assert!(Instant::now() < deadline, "still there");
        std::thread::yield_now();
    }
    let known = block_on(game.bouncer.look_up(&user("bob")));
    assert!(known.is_ok());
    game.tick();
    // What is asked later is answered later.
    let mut moderator = Talker::join(&mut game, "mod-1");
    moderator.ack(&mut game, about("mod.restore", "bob"));
    assert!(may_come_in(&mut game, "ann"));
}

#[test]
fn p16_a_target_who_comes_in_meanwhile_is_what_they_are_now() {
    let people = People::default();
    let mut game = game(&people);
    let mut moderator = Talker::join(&mut game, "mod-1");
    let gate = people.hold_next();
    moderator.send(json!({"op": "mod.ban", "user": "ann-unknown", "id": "ban"}));
    game.until("ann is looked up", |_| people.is_held());
    let mut ann = Talker::join(&mut game, "ann-unknown");
    gate.add_permits(1);
    let answer = moderator.find(&mut game, "answer", |it| it["re"] == "ban");
    assert_eq!(answer["op"], "ack", "{answer}");
    assert_eq!(ann.close(&mut game).0, 4403);

    let gate = people.hold_next();
    moderator.send(json!({"op": "mod.ban", "user": "bob", "id": "ban-2"}));
    game.until("bob is looked up", |_| people.is_held());
    people.write("bob", "Bob", &["admin"]);
    let mut bob = Talker::join(&mut game, "bob");
    people.write("bob", "Bob", &[]);
    gate.add_permits(1);
    let answer = moderator.find(&mut game, "answer", |it| it["re"] == "ban-2");
    assert_eq!(answer["code"], "forbidden");
    bob.ack(&mut game, json!({"op": "room.list"}));
}

#[test]
fn p16_decisions_of_one_moderator_stay_in_their_order_and_are_so_many() {
    let people = People::default();
    let chat = plugin(|options| options.pending_decisions = 3);
    let mut game = open_for(people.clone(), patient(), chat);
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mut other = Talker::join(&mut game, "mod-2");
    let mut ann = Talker::in_room(&mut game, "ann");
    let gate = people.hold_next();
    moderator.send(json!({"op": "mod.mute", "user": "bob", "id": "1"}));
    game.until("bob is looked up", |_| people.is_held());
    // Ann is here, but it is not her turn.
    moderator.send(json!({"op": "mod.mute", "user": "ann", "id": "2"}));
    moderator.send(json!({"op": "mod.unmute", "user": "bob", "id": "3"}));
    assert_eq!(
        moderator.err(&mut game, about("mod.kick", "ann")),
        "rate_limited"
    );
    ann.say(&mut game, "not muted yet");
    // Nobody else waits for it.
    other.ack(&mut game, about("mod.mute", "eve"));
    gate.add_permits(1);
    moderator.find(&mut game, "the last answer", |it| it["re"] == "3");
    let answers = moderator.heard.iter().filter_map(|it| it["re"].as_str());
    assert_eq!(answers.collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    let mut bob = Talker::in_room(&mut game, "bob");
    bob.say(&mut game, "not muted any more");
    moderator.ack(&mut game, about("mod.kick", "ann"));
    // Who was never here has a name nevertheless.
    let mutes = moderator.ack(&mut game, json!({"op": "mod.mutes"}));
    assert!(mutes.to_string().contains("Name of eve"), "{mutes}");
}

#[test]
fn p16_a_directory_that_panics_is_one_that_failed() {
    struct Panics;
    impl UserDirectory for Panics {
        async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
            People::default().find(claims).await
        }

        async fn look_up(&self, _: &UserId) -> Result<Known, DirectoryError> {
            panic!("a fault of the directory")
        }
    }
    let tokens = JwtAuthenticator::hs256(SECRET).unwrap().users(Panics);
    let door = BouncerPlugin::bind(patient().subprotocols([SUBPROTOCOL]), tokens).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_plugins(plugin(|_| ()));
    });
    game.offer = Some(SUBPROTOCOL);
    let mut moderator = Talker::join(&mut game, "mod-1");
    assert_eq!(
        moderator.err(&mut game, about("mod.ban", "ann")),
        "forbidden"
    );
}

#[test]
fn p16_whose_message_it_is_is_looked_up_too() {
    let people = People::default();
    let mut game = game(&people);
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut admin = Talker::in_room(&mut game, "admin-2");
    let authors = [
        "ann",
        "ann-unknown",
        "never-ann",
        "ann-broken",
        "mod-2",
        "mod-unknown",
        "never-mod",
    ];
    let mids = authors.map(|author| {
        people.write(
            author,
            "Somebody",
            if author.contains("mod") {
                &["moderator"]
            } else {
                &[]
            },
        );
        let mut author = Talker::in_room(&mut game, author);
        author.say(&mut game, "words")["mid"].clone()
    });
    game.until("the authors are gone", |game| game.players() == 2);
    people.write("ann", "Ann", &["moderator"]);
    people.write("mod-2", "Somebody", &[]);
    let [
        promoted,
        unknown,
        missing,
        broken,
        demoted,
        unknown_mod,
        missing_mod,
    ] = mids;
    // Where nobody knows the author any more, what the author was then counts.
    for mid in [&promoted, &broken, &unknown_mod, &missing_mod] {
        assert_eq!(moderator.err(&mut game, delete(mid)), "forbidden");
    }
    for mid in [&unknown, &missing, &demoted] {
        moderator.ack(&mut game, delete(mid));
        moderator.find(&mut game, "deletion", |it| {
            it["op"] == "chat.deleted" && it["mid"] == *mid
        });
    }
    for mid in [&promoted, &broken, &unknown_mod, &missing_mod] {
        admin.ack(&mut game, delete(mid));
    }
}

#[test]
fn p16_a_demoted_moderator_moderates_no_more_and_everybody_sees_it() {
    let people = People::default();
    let mut game = rechecking(&people);
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut ann = Talker::in_room(&mut game, "ann");
    moderator.ack(&mut game, json!({"op": "mod.mutes"}));
    let seen_as = |ann: &mut Talker, game: &mut Game, name: &str, rank: u64| {
        ann.find(game, "presence", |it| {
            let joined = it["joined"].as_array().into_iter().flatten();
            let is_this =
                |it: &Value| it["id"] == "mod-1" && it["name"] == name && it["rank"] == rank;
            it["op"] == "presence" && joined.into_iter().any(is_this)
        })
    };
    for (name, roles, rank) in [
        ("Anna", &[][..], 0),
        ("Anne", &["moderator"], 1),
        ("Anne", &["admin"], 2),
    ] {
        people.write("mod-1", name, roles);
        seen_as(&mut ann, &mut game, name, rank);
        let mid = moderator.say(&mut game, "hi")["mid"].clone();
        let heard = ann.find(&mut game, "words", |it| it["mid"] == mid);
        assert_eq!(heard["from"]["name"], name);
        for request in [json!({"op": "mod.mutes"}), about("mod.unmute", "ann")] {
            let answer = moderator.ask(&mut game, request);
            assert_eq!(answer["op"] == "ack", rank > 0, "{answer}");
        }
    }
    ann.say(&mut game, "still here");
}

#[test]
fn p16_a_demoted_moderator_moderates_no_more_with_the_next_token() {
    let people = People::default();
    let mut game = game(&people);
    let mut moderator = Talker::join(&mut game, "mod-1");
    moderator.ack(&mut game, json!({"op": "mod.mutes"}));
    people.write("mod-1", "Anna", &[]);
    let token = token("mod-1");
    moderator.ack(&mut game, json!({"op": "auth.refresh", "token": token}));
    assert_eq!(
        moderator.err(&mut game, json!({"op": "mod.mutes"})),
        "forbidden"
    );
}

#[test]
fn p16_who_is_in_no_room_is_known_by_the_new_name_too() {
    let people = People::default();
    let mut game = rechecking(&people);
    let mut moderator = Talker::join(&mut game, "mod-1");
    let _ann = Talker::join(&mut game, "ann");
    let mute = json!({"op": "mod.mute", "user": "ann", "seconds": 60});
    moderator.ack(&mut game, mute);
    people.write("ann", "Anna", &[]);
    let player = game.entity_of("ann");
    game.until("the name", |game| {
        game.app.world().get::<User>(player).unwrap().name() == "Anna"
    });
    let mutes = moderator.ack(&mut game, json!({"op": "mod.mutes"}));
    assert_eq!(mutes["mutes"][0]["name"], "Anna");
}

#[test]
fn p05_what_a_kicked_user_says_later_in_the_tick_does_not_count() {
    for op in ["mod.kick", "mod.ban", "mod.revoke"] {
        let mut game = start();
        let mut ann = Talker::in_room(&mut game, "ann");
        let mut moderator = Talker::in_room(&mut game, "mod-1");
        let mut bob = Talker::in_room(&mut game, "bob");
        moderator.send(json!({"op": op, "user": "ann", "id": "out"}));
        moderator.client.settle();
        ann.send(said("last words"));
        ann.client.settle();
        moderator.find(&mut game, "ack", |it| it["re"] == "out");
        let heard = bob.all(&mut game);
        assert!(
            heard.iter().all(|it| it["op"] != "chat.msg"),
            "{op}: {heard:?}"
        );
    }
}
