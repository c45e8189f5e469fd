//! What moderators do, and to whom they cannot.

use std::time::{Duration, Instant};

use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{support::*, talker::*};

#[test]
fn a_mute_holds_for_whispers_survives_a_reconnect_and_ends() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mute = json!({"op": "mod.mute", "user": "ann", "seconds": 2, "reason": "calm down"});
    assert_eq!(moderator.ack(&mut game, mute)["left_ms"], 2000);
    let begun = Instant::now();
    let muted = ann.hear(&mut game, "muted");
    assert_eq!(
        muted,
        json!({"op": "muted", "left_ms": 2000, "reason": "calm down"})
    );
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    assert_eq!(ann.err(&mut game, whispered("mod-1", "hi")), "muted");
    let mutes = moderator.ack(&mut game, json!({"op": "mod.mutes"}))["mutes"].clone();
    assert_eq!(
        (&mutes[0]["user"], &mutes[0]["name"]),
        (&json!("ann"), &json!("Name of ann"))
    );
    drop(ann);
    game.until("ann is gone", |game| game.players() == 1);
    let mut ann = Talker::in_room(&mut game, "ann");
    let left = ann.hear(&mut game, "muted")["left_ms"].as_u64().unwrap();
    assert!(left <= 2000);
    let answer = ann.ask(&mut game, said("hi"));
    if begun.elapsed() < Duration::from_millis(1500) {
        assert_eq!(answer["code"], "muted");
        assert!(answer["retry_ms"].as_u64().unwrap() <= 2000);
    }
    game.until("the mute is over", |_| {
        begun.elapsed() > Duration::from_millis(2100)
    });
    ann.say(&mut game, "hi");
}

#[test]
fn a_mute_of_one_room_holds_there_only_and_can_be_lifted() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.ack(&mut game, json!({"op": "room.join", "room": "b"}));
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mute = json!({"op": "mod.mute", "user": "ann", "room": "a"});
    let left = moderator.ack(&mut game, mute)["left_ms"].as_u64().unwrap();
    assert_eq!(
        u128::from(left),
        ChatOptions::default().longest_mute.as_millis()
    );
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    ann.ack(
        &mut game,
        json!({"op": "chat.send", "room": "b", "d": {"text": "hi"}}),
    );
    ann.ack(&mut game, whispered("mod-1", "hi"));
    ann.ack(&mut game, json!({"op": "chat.typing", "room": "a"}));
    moderator.ack(
        &mut game,
        json!({"op": "mod.unmute", "user": "ann", "room": "a"}),
    );
    assert_eq!(ann.hear(&mut game, "unmuted")["room"], "a");
    ann.say(&mut game, "hi");
    let nowhere = json!({"op": "mod.mute", "user": "ann", "room": "nowhere"});
    assert_eq!(moderator.err(&mut game, nowhere), "unknown_room");
    let no_time = json!({"op": "mod.mute", "user": "ann", "seconds": 0});
    assert_eq!(moderator.err(&mut game, no_time), "bad_request");
}

#[test]
fn a_moderator_does_not_undo_what_an_admin_decided() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mut admin = Talker::join(&mut game, "admin-1");
    let mute = json!({"op": "mod.mute", "user": "ann", "seconds": 60});
    let unmute = json!({"op": "mod.unmute", "user": "ann"});
    admin.ack(&mut game, mute.clone());
    for request in [&mute, &unmute] {
        assert_eq!(moderator.err(&mut game, request.clone()), "forbidden");
    }
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    admin.ack(&mut game, unmute.clone());
    moderator.ack(&mut game, mute);
    admin.ack(&mut game, unmute);
    ann.say(&mut game, "hi");
}

#[test]
fn a_room_that_is_not_for_a_moderator_is_not_theirs_to_rule() {
    let mut game = start();
    let mut ann = Talker::join(&mut game, "ann");
    let mut moderator = Talker::join(&mut game, "mod-1");
    let admins = Room::new("admins", ByRole("admin".into()));
    game.world().spawn(admins);
    for request in [
        json!({"op": "mod.mute", "user": "ann", "room": "admins"}),
        json!({"op": "mod.unmute", "user": "ann", "room": "admins"}),
        json!({"op": "mod.slow", "room": "admins", "seconds": 1}),
        json!({"op": "mod.freeze", "room": "admins", "on": true}),
        json!({"op": "chat.delete", "room": "admins", "mid": "any"}),
    ] {
        assert_eq!(moderator.err(&mut game, request), "unknown_room");
    }
    let mut admin = Talker::join(&mut game, "admin-1");
    let mute = json!({"op": "mod.mute", "user": "ann", "room": "admins"});
    admin.ack(&mut game, mute);
    assert_eq!(ann.hear(&mut game, "muted")["room"], "admins");
    let list = json!({"op": "mod.mutes"});
    assert_eq!(moderator.ack(&mut game, list.clone())["mutes"], json!([]));
    assert_eq!(admin.ack(&mut game, list)["mutes"][0]["user"], "ann");
}

#[test]
fn a_moderator_cannot_touch_a_peer_or_a_superior() {
    let mut game = open_with(patient(), ChatPlugin::new(options()).unwrap());
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut other = Talker::in_room(&mut game, "mod-2");
    let mut admin = Talker::in_room(&mut game, "admin-1");
    let ops = [
        "mod.mute",
        "mod.unmute",
        "mod.kick",
        "mod.ban",
        "mod.logout",
        "mod.revoke",
        "mod.restore",
    ];
    for op in ops {
        for target in ["mod-1", "mod-2", "admin-1"] {
            let request = json!({"op": op, "user": target});
            assert_eq!(
                moderator.err(&mut game, request),
                "forbidden",
                "{op} {target}"
            );
        }
        let request = json!({"op": op, "user": "admin-1"});
        assert_eq!(admin.err(&mut game, request), "forbidden", "{op}");
    }
    // Nor one who is away, or of whom nothing is known.
    drop(other);
    game.until("the other is gone", |game| game.players() == 3);
    for op in ["mod.kick", "mod.ban"] {
        let away = json!({"op": op, "user": "mod-2"});
        assert_eq!(moderator.err(&mut game, away), "forbidden");
        let unknown = json!({"op": op, "user": "never-seen"});
        assert_eq!(moderator.err(&mut game, unknown), "unknown_user");
    }
    admin.ack(&mut game, json!({"op": "mod.ban", "user": "never-seen"}));
    let words = admin.say(&mut game, "mine")["mid"].clone();
    let delete = json!({"op": "chat.delete", "room": "a", "mid": words});
    assert_eq!(moderator.err(&mut game, delete), "forbidden");
    other = Talker::in_room(&mut game, "mod-2");
    admin.ack(&mut game, json!({"op": "mod.kick", "user": "mod-2"}));
    assert_eq!(other.close(&mut game).0, 4004);
    // And players can do nothing of it.
    for op in ops {
        let request = json!({"op": op, "user": "nobody"});
        assert_eq!(ann.err(&mut game, request), "forbidden", "{op}");
    }
    for request in [
        json!({"op": "mod.mutes"}),
        json!({"op": "mod.slow", "room": "a", "seconds": 1}),
        json!({"op": "mod.freeze", "room": "a", "on": true}),
    ] {
        assert_eq!(ann.err(&mut game, request), "forbidden");
    }
}

#[test]
fn kicked_banned_and_revoked_read_why_and_only_the_first_comes_back() {
    let mut game = start();
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    for (op, code, word, status) in [
        ("mod.kick", 4004, "kicked", 101),
        ("mod.ban", 4403, "banned", 403),
        ("mod.revoke", 4101, "token_revoked", 401),
    ] {
        let mut ann = Talker::in_room(&mut game, "ann");
        moderator.ack(
            &mut game,
            json!({"op": op, "user": "ann", "reason": "enough"}),
        );
        let closed = ann.close(&mut game);
        assert_eq!(closed, (code, format!("{word}: enough")));
        let back = game.connect(&token("ann"));
        assert_eq!(
            back.as_ref().map_or_else(|answer| answer.status, |_| 101),
            status,
            "{op}"
        );
        drop(back);
        moderator.ack(&mut game, json!({"op": "mod.restore", "user": "ann"}));
        game.until("ann is gone", |game| game.players() == 1);
    }
}

#[test]
fn p05_nothing_that_was_said_after_a_kick_counts() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    moderator.send(json!({"op": "mod.ban", "user": "ann", "id": "ban"}));
    moderator.client.settle();
    ann.send(said("last words"));
    ann.client.settle();
    moderator.find(&mut game, "ack", |it| it["re"] == "ban");
    let heard = moderator.all(&mut game);
    assert!(heard.iter().all(|it| it["op"] != "chat.msg"), "{heard:?}");
}

#[test]
fn a_ban_may_end_by_itself() {
    let mut game = start();
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let ann = Talker::in_room(&mut game, "ann");
    moderator.ack(
        &mut game,
        json!({"op": "mod.ban", "user": "ann", "seconds": 2}),
    );
    drop(ann);
    assert_eq!(game.connect(&token("ann")).err().unwrap().status, 403);
    let deadline = Instant::now() + PATIENCE;
    while game.connect(&token("ann")).is_err() {
        assert!(Instant::now() < deadline, "still banned");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn slow_mode_and_freezing_do_not_bind_moderators_and_are_told() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    moderator.ack(
        &mut game,
        json!({"op": "mod.slow", "room": "a", "seconds": 60}),
    );
    let rules = |message: &serde_json::Value| message["rules"].clone();
    let told = ann.find(&mut game, "slow mode", |it| {
        it["rules"]["slow_ms"] == 60_000
    });
    assert_eq!(rules(&told)["frozen"], false);
    ann.say(&mut game, "one");
    let answer = ann.ask(&mut game, said("two"));
    assert_eq!(answer["code"], "slow_mode");
    assert!(answer["retry_ms"].as_u64().unwrap() > 50_000);
    moderator.say(&mut game, "one");
    moderator.say(&mut game, "two");
    moderator.ack(
        &mut game,
        json!({"op": "mod.slow", "room": "a", "seconds": 0}),
    );
    ann.say(&mut game, "two");
    moderator.ack(
        &mut game,
        json!({"op": "mod.freeze", "room": "a", "on": true}),
    );
    ann.find(&mut game, "frozen", |it| it["rules"]["frozen"] == true);
    assert_eq!(ann.err(&mut game, said("three")), "frozen");
    moderator.say(&mut game, "three");
    let mut eve = Talker::join(&mut game, "eve");
    let answer = eve.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    assert_eq!(rules(&answer), json!({"slow_ms": 0, "frozen": true}));
    // The game may change them too.
    let room = room(&mut game, "a");
    game.world().get_mut::<RoomRules>(room).unwrap().is_frozen = false;
    ann.find(&mut game, "rules", |it| {
        it["op"] == "room.rules" && it["rules"]["frozen"] == false
    });
    ann.say(&mut game, "three");
}

#[derive(Resource, Default)]
struct Trail(Vec<Moderated>);

#[test]
fn the_game_sees_everything_that_moderators_do() {
    let mut game = start();
    game.app.init_resource::<Trail>().add_systems(
        bevy_app::Update,
        |mut moderated: MessageReader<Moderated>, mut trail: ResMut<Trail>| {
            trail.0.extend(moderated.read().cloned());
        },
    );
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mid = ann.say(&mut game, "rude")["mid"].clone();
    moderator.ack(
        &mut game,
        json!({"op": "chat.delete", "room": "a", "mid": mid}),
    );
    moderator.ack(
        &mut game,
        json!({"op": "mod.mute", "user": "ann", "seconds": 60}),
    );
    let ban = json!({"op": "mod.ban", "user": "ann", "reason": "rude"});
    moderator.ack(&mut game, ban);
    let room = room(&mut game, "a");
    let ann = user("ann");
    let actions = [
        Moderation::Delete(room, 1),
        Moderation::Mute(ann.clone(), MutedIn::Everywhere, 60),
        Moderation::Ban(ann.clone(), None),
    ];
    game.until("all is seen", |game| {
        game.world().resource::<Trail>().0.len() >= 3
    });
    let by = game.entity_of("mod-1");
    let trail = &game.world().resource::<Trail>().0;
    let seen: Vec<_> = trail.iter().map(|it| it.action.clone()).collect();
    assert_eq!(seen, actions);
    assert!(trail.iter().all(|it| it.by == Some(user("mod-1"))));
    assert!(trail.iter().all(|it| it.player == Some(by)));
    assert_eq!(trail[2].reason.as_deref(), Some("rude"));
    let users = game.world().resource::<Users>();
    assert!(users.muted_for(&ann, &MutedIn::Everywhere).is_some());
}
