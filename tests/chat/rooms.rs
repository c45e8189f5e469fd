//! Rooms: who may come in, who is there, and what was said before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_bouncer::User;
use bevy_bouncer_chat::*;
use serde_json::json;

use crate::{support::*, talker::*};

fn joins(name: &str) -> serde_json::Value {
    json!({"op": "room.join", "room": name})
}

#[test]
fn a_room_is_only_for_whom_it_is() {
    let mut game = start();
    let mut ann = Talker::join(&mut game, "ann");
    let mut vip = Talker::join(&mut game, "vip");
    assert_eq!(ann.err(&mut game, joins("vip")), "unknown_room");
    assert_eq!(ann.err(&mut game, joins("nowhere")), "unknown_room");
    vip.ack(&mut game, joins("vip"));
    let rooms = |answer: serde_json::Value| {
        let rooms = answer["rooms"].as_array().unwrap().clone();
        let names = rooms
            .iter()
            .map(|room| room["room"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), rooms)
    };
    let list = json!({"op": "room.list"});
    assert_eq!(rooms(ann.ack(&mut game, list.clone())).0, ["a", "b"]);
    let (names, listed) = rooms(vip.ack(&mut game, list));
    assert_eq!(names, ["a", "b", "vip"]);
    assert_eq!(listed[2]["members"], 1);
    let invited = Invited([user("ann")].into());
    game.world().spawn(Room::new("party", invited));
    ann.ack(&mut game, joins("party"));
    assert_eq!(vip.err(&mut game, joins("party")), "unknown_room");
}

/// Counts how often it is asked.
struct Private {
    role: Option<&'static str>,
    asked: Arc<AtomicUsize>,
}

impl RoomAccess for Private {
    fn audience(&self) -> RoomAudience<'_> {
        self.role.map_or(RoomAudience::Unknown, RoomAudience::Role)
    }

    fn may_join(&self, user: &User) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.role.is_some_and(|role| user.has_role(role))
    }
}

/// The time of the tick that answers a hundred requests for the list, with so many private rooms. Returns how often
/// their doors were asked as well.
fn lists(role: Option<&'static str>, rooms: usize) -> (Duration, usize) {
    let mut config = config();
    config.limits.inbound_frames_burst = 10_000;
    config.limits.inbound_queue_messages = 1000;
    let options = ChatOptions {
        requests_burst: 10_000,
        answer_bytes: 1 << 30,
        ..options()
    };
    let mut game = open_with(config, ChatPlugin::new(options).unwrap());
    let asked = Arc::<AtomicUsize>::default();
    for number in 0..rooms {
        let asked = asked.clone();
        let name = format!("private-{number}");
        game.world().spawn(Room::new(name, Private { role, asked }));
    }
    let mut ann = Talker::join(&mut game, "ann");
    let mut best = Duration::MAX;
    for _ in 0..5 {
        for _ in 0..100 {
            ann.send(json!({"op": "room.list"}));
        }
        ann.client.settle();
        asked.store(0, Ordering::Relaxed);
        let begun = Instant::now();
        game.tick();
        best = best.min(begun.elapsed());
        ann.all(&mut game);
    }
    (best, asked.load(Ordering::Relaxed))
}

#[test]
fn p08_a_list_of_rooms_costs_what_it_lists() {
    let (without, _) = lists(Some("staff"), 0);
    let (with, asked) = lists(Some("staff"), 10_000);
    println!("100 requests in a tick: {without:?} alone, {with:?} beside 10000 private rooms");
    assert_eq!(asked, 0, "rooms of another role are not looked at");
    let (with, asked) = lists(None, 10_000);
    println!("{with:?} beside 10000 rooms of which nobody can say for whom they are");
    assert!(asked <= 101 * 250, "{asked}");
}

struct ReadOnly;

impl RoomAccess for ReadOnly {
    fn may_join(&self, _: &bevy_bouncer::User) -> bool {
        true
    }

    fn may_send(&self, user: &bevy_bouncer::User) -> bool {
        user.has_role("admin")
    }

    fn may_read(&self, user: &bevy_bouncer::User) -> bool {
        user.id().as_str() != "newcomer"
    }
}

#[test]
fn sending_and_reading_have_their_own_rules() {
    let mut game = start();
    game.world().spawn(Room::new("news", ReadOnly));
    let mut admin = Talker::join(&mut game, "admin-1");
    admin.ack(&mut game, joins("news"));
    admin.ack(
        &mut game,
        json!({"op": "chat.send", "room": "news", "d": {"text": "hear"}}),
    );
    let mut ann = Talker::join(&mut game, "ann");
    let answer = ann.ack(&mut game, joins("news"));
    assert_eq!(text_of(&answer["messages"][0]), "hear");
    let send = json!({"op": "chat.send", "room": "news", "d": {"text": "me too"}});
    assert_eq!(ann.err(&mut game, send), "forbidden");
    let mut newcomer = Talker::join(&mut game, "newcomer");
    let answer = newcomer.ack(&mut game, joins("news"));
    assert!(answer["messages"].is_null());
    let history = json!({"op": "chat.history", "room": "news"});
    assert_eq!(newcomer.err(&mut game, history), "forbidden");
}

#[test]
fn nothing_is_said_or_heard_outside_of_a_room() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::join(&mut game, "bob");
    for op in [
        "chat.send",
        "chat.history",
        "chat.typing",
        "room.leave",
        "chat.delete",
    ] {
        let request = json!({"op": op, "room": "a", "d": {"text": "hi"}, "mid": "x"});
        assert_eq!(bob.err(&mut game, request), "not_in_room", "{op}");
    }
    ann.say(&mut game, "among us");
    assert_eq!(bob.texts(&mut game), [""; 0]);
    bob.ack(&mut game, joins("a"));
    ann.say(&mut game, "hello bob");
    assert_eq!(bob.texts(&mut game), ["hello bob"]);
    bob.ack(&mut game, json!({"op": "room.leave", "room": "a"}));
    ann.say(&mut game, "gone?");
    assert_eq!(bob.texts(&mut game), [""; 0]);
}

#[test]
fn presence_is_a_snapshot_and_then_what_changes() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::join(&mut game, "mod-bob");
    let answer = bob.ack(&mut game, joins("a"));
    let ids: Vec<_> = answer["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(
        (ids, &answer["count"]),
        (vec![json!("ann"), json!("mod-bob")], &json!(2))
    );
    assert_eq!(answer["members"][1]["rank"], 1);
    let came = |id: &'static str| {
        move |message: &serde_json::Value| {
            let mut joined = message["joined"].as_array().into_iter().flatten();
            joined.any(|member| member["id"] == id)
        }
    };
    let joined = ann.find(&mut game, "bob", came("mod-bob"));
    assert_eq!(joined["op"], "presence");
    drop(bob);
    let left = ann.find(&mut game, "left", |it| !it["left"][0].is_null());
    assert_eq!(left["left"], json!(["mod-bob"]));
    let room = room(&mut game, "a");
    assert_eq!(game.world().get::<RoomMembers>(room).unwrap().len(), 1);
}

#[test]
fn many_who_come_at_once_are_told_together() {
    let mut game = chat(|options| options.presence_interval = std::time::Duration::from_secs(1));
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.hear(&mut game, "presence");
    let crowd: Vec<_> = (0..10)
        .map(|number| Talker::in_room(&mut game, &format!("player-{number}")))
        .collect();
    let mut came = 0;
    let mut told = 0;
    while came < crowd.len() {
        let presence = ann.hear(&mut game, "presence");
        came += presence["joined"].as_array().unwrap().len();
        told += 1;
    }
    assert!(told < crowd.len(), "{told} messages for {came} players");
}

#[test]
fn p09_rooms_and_their_members_are_counted() {
    let mut game = chat(|options| {
        options.rooms_per_player = 1;
        options.members_per_room = 2;
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.err(&mut game, joins("b")), "full");
    ann.ack(&mut game, joins("a"));
    let bob = Talker::in_room(&mut game, "bob");
    let mut eve = Talker::join(&mut game, "eve");
    assert_eq!(eve.err(&mut game, joins("a")), "full");
    drop(bob);
    game.until("bob is gone", |game| game.players() == 2);
    eve.ack(&mut game, joins("a"));
}

#[test]
fn a_closed_room_is_told_and_comes_back_with_what_was_said() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let entered = ann.ack(&mut game, joins("a"));
    ann.say(&mut game, "before");
    let entity = room(&mut game, "a");
    game.world().despawn(entity);
    assert_eq!(ann.hear(&mut game, "room.closed")["room"], "a");
    assert_eq!(ann.err(&mut game, said("there?")), "not_in_room");
    assert_eq!(ann.err(&mut game, joins("a")), "unknown_room");
    game.world().spawn(Room::open("a"));
    let answer = ann.ack(&mut game, joins("a"));
    assert_ne!(answer["epoch"], entered["epoch"]);
    assert_eq!(
        (text_of(&answer["messages"][0]), &answer["seq"]),
        ("before".into(), &json!(1))
    );
    assert_eq!(ann.say(&mut game, "after")["seq"], 2);
}

#[test]
fn another_door_sends_away_whom_it_is_not_for() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    let entered = ann.ack(&mut game, joins("a"));
    let entity = room(&mut game, "a");
    let invited = Room::new("a", Invited([user("ann")].into()));
    game.world().entity_mut(entity).insert(invited);
    assert_eq!(bob.hear(&mut game, "room.closed")["room"], "a");
    assert_eq!(bob.err(&mut game, said("hi")), "not_in_room");
    assert_eq!(bob.err(&mut game, joins("a")), "unknown_room");
    let left = |it: &serde_json::Value| it["left"] == json!(["bob"]);
    ann.find(&mut game, "bob's leaving", left);
    ann.say(&mut game, "alone");
    assert_eq!(bob.texts(&mut game), [""; 0]);
    let again = ann.ack(&mut game, joins("a"));
    assert_eq!(
        (&again["epoch"], &again["seq"]),
        (&entered["epoch"], &json!(1))
    );
}

#[test]
fn another_name_is_another_room() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "before");
    let entity = room(&mut game, "a");
    game.world().entity_mut(entity).insert(Room::open("c"));
    assert_eq!(ann.hear(&mut game, "room.closed")["room"], "a");
    assert_eq!(ann.err(&mut game, joins("a")), "unknown_room");
    assert_eq!(ann.ack(&mut game, joins("c"))["seq"], 0);
    // The name is free, and what was said under it is not lost.
    let second = game.world().spawn(Room::open("a")).id();
    let answer = ann.ack(&mut game, joins("a"));
    assert_eq!(text_of(&answer["messages"][0]), "before");
    // A name that is taken is no room, and takes nothing from the one that has it.
    game.world().entity_mut(entity).insert(Room::open("a"));
    assert_eq!(ann.hear(&mut game, "room.closed")["room"], "c");
    game.world().despawn(second);
    game.world().despawn(entity);
    game.world().spawn(Room::open("a"));
    assert_eq!(ann.ack(&mut game, joins("a"))["seq"], 1);
}

#[test]
fn nobody_stays_in_what_is_no_room_any_more() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let entity = room(&mut game, "a");
    let mut place = game.world().entity_mut(entity);
    place.remove::<Room>();
    place.insert(Room::new("a", ByRole("vip".into())));
    assert_eq!(ann.hear(&mut game, "room.closed")["room"], "a");
    assert_eq!(ann.err(&mut game, said("still here?")), "not_in_room");
    assert!(game.world().get::<RoomMembers>(entity).unwrap().is_empty());
    assert_eq!(
        Talker::join(&mut game, "vip").ack(&mut game, joins("a"))["count"],
        1
    );
}

#[test]
fn another_name_or_rank_is_told_also_of_whom_is_in_twice() {
    let mut game = with_sessions();
    let mut bob = Talker::in_room(&mut game, "bob");
    let _ann = Talker::in_room(&mut game, "ann");
    let joined = |it: &serde_json::Value| it["joined"][0]["id"] == "ann";
    bob.find(&mut game, "ann", joined);
    let player = game.entity_of("ann");
    let _again = Talker::in_room(&mut game, "ann");
    let promoted = User::new("ann", "Queen Ann").unwrap();
    let promoted = promoted.with_roles(["moderator"]).unwrap();
    game.world().entity_mut(player).insert(promoted);
    let told = bob.find(&mut game, "the promotion", joined);
    assert_eq!(
        told["joined"],
        json!([{"id": "ann", "name": "Queen Ann", "rank": 1}])
    );
}

#[test]
fn a_second_room_of_the_same_name_takes_nothing_away() {
    let mut game = start();
    let second = game.world().spawn(Room::open("a")).id();
    let mut ann = Talker::in_room(&mut game, "ann");
    game.world().despawn(second);
    ann.say(&mut game, "still here");
    game.world().spawn(Room::open("x".repeat(65)));
    let player = game.entity_of("ann");
    let own = game.world().get::<InRooms>(player).unwrap();
    assert_eq!(own.iter().count(), 1);
}
