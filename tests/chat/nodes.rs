//! One chat on two nodes, whatever they share it by.

use std::time::Duration;

use bevy_app::Update;
use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{
    fleet::*,
    moderating::{OPS, about},
    support::*,
    talker::*,
};

/// Tests all of it over what this opens, if there is one on this machine.
macro_rules! chat_over_nodes {
    ($ways:expr) => {
        crate::fleet::each_over! {
            $ways, nodes:
            a_node_that_starts_later_knows_the_muted_and_the_rules
            a_node_that_has_never_had_the_decisions_lets_nobody_in_and_one_that_had_goes_on
            of_two_who_decide_while_they_are_cut_off_the_one_above_counts
            a_forged_decision_undoes_nothing
            what_is_deleted_is_not_read_from_a_node_that_was_away
            rooms_whispers_and_moderation_reach_the_other_node
            what_is_decided_on_one_node_is_kept_by_the_other
            p03_what_a_game_passes_on_is_no_word_of_another_node
            who_is_online_on_another_node_is_known_until_it_dies
            p16_who_is_on_another_node_is_no_less_a_superior
        }
    };
}
pub(crate) use chat_over_nodes;

fn muted_for(game: &mut Game, name: &str) -> Option<Duration> {
    let users = game.world().resource::<Users>();
    users.muted_for(&user(name), &MutedIn::Everywhere)
}

pub fn a_node_that_starts_later_knows_the_muted_and_the_rules(ways: &impl Ways) {
    let chat = || ChatPlugin::new(options()).unwrap();
    let mut one = node(ways.straight(), "one", chat());
    let mut admin = Talker::in_room(&mut one, "admin-1");
    let mute = json!({"op": "mod.mute", "user": "bob", "seconds": 600, "reason": "enough"});
    admin.ack(&mut one, mute);
    admin.ack(&mut one, json!({"op": "mod.mute", "user": "ann"}));
    admin.ack(&mut one, json!({"op": "mod.unmute", "user": "ann"}));
    admin.ack(
        &mut one,
        json!({"op": "mod.slow", "room": "a", "seconds": 60}),
    );
    let shared = one.world().resource::<Cluster>().clone();
    let shared = shared.shared_state("bevy_bouncer.chat.decisions");
    one.until("it is shared", |_| shared.waiting() == 0);

    let mut two = node(ways.straight(), "two", chat());
    let mut bob = Talker::in_room(&mut two, "bob");
    assert_eq!(bob.err(&mut two, said("hi")), "muted");
    let left = muted_for(&mut two, "bob").unwrap();
    assert!(
        left > Duration::from_secs(590) && left <= Duration::from_secs(600),
        "{left:?}"
    );
    let mut ann = Talker::in_room(&mut two, "ann");
    ann.say(&mut two, "hello");
    assert_eq!(ann.err(&mut two, said("again")), "slow_mode");
    // A moderator there does not undo what an admin has decided.
    let mut moderator = Talker::in_room(&mut two, "mod-1");
    for request in [
        json!({"op": "mod.unmute", "user": "bob"}),
        json!({"op": "mod.mute", "user": "bob", "seconds": 1}),
    ] {
        assert_eq!(moderator.err(&mut two, request), "forbidden");
    }

    // A room that is opened later has them as well, and so has one that is opened again.
    let room = room(&mut two, "a");
    two.world().despawn(room);
    let room = two.world().spawn(Room::open("a")).id();
    let rules = two.world().get::<RoomRules>(room).unwrap();
    assert_eq!(rules.slow_mode, Some(Duration::from_secs(60)));
}

pub fn a_node_that_has_never_had_the_decisions_lets_nobody_in_and_one_that_had_goes_on(
    ways: &impl Ways,
) {
    let (mut fleet, switch) = Fleet::with_own_way(ways);
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut moderator = Talker::in_room(&mut fleet.nodes[1], "mod-1");
    switch.cut();
    let (late_way, late_switch) = ways.own();
    late_switch.cut();
    let mut late = not_ready(late_way, "late", ChatPlugin::new(options()).unwrap());
    let answer = late.connect(&token("bob")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "unavailable")
    );
    fleet.nodes[1].until("it is behind", |game| !game.bouncer.is_ready());
    bob.say(&mut fleet.nodes[1], "still here");
    moderator.ack(
        &mut fleet.nodes[1],
        json!({"op": "mod.mute", "user": "bob"}),
    );
    assert_eq!(bob.err(&mut fleet.nodes[1], said("hi")), "muted");
    assert_eq!(muted_for(&mut fleet.nodes[0], "bob"), None);
    switch.mend();
    fleet.until("it is told", |fleet| {
        muted_for(&mut fleet.nodes[0], "bob").is_some()
    });
}

pub fn of_two_who_decide_while_they_are_cut_off_the_one_above_counts(ways: &impl Ways) {
    for (here, there, muted_in_the_end) in [
        // An admin's mute stands against the moderator's, whoever comes first.
        (("admin-1", Some(600)), ("mod-1", Some(5)), Some(600)),
        (("mod-1", Some(5)), ("admin-1", Some(600)), Some(600)),
        // A mute stands against the end of an older one, unless that comes from above.
        (("mod-1", Some(600)), ("mod-2", None), Some(600)),
        (("mod-1", Some(600)), ("admin-1", None), None),
    ] {
        let (mut fleet, switch) = Fleet::with_own_way(&ways.elsewhere());
        let [one, two] = &mut fleet.nodes;
        let mut first = Talker::in_room(one, here.0);
        let mut second = Talker::in_room(two, there.0);
        let mut bob = Talker::in_room(one, "bob");
        let mid = bob.say(one, "hi")["mid"].clone();
        // Whoever was heard is known there.
        fleet.find(1, &mut second, "hi", |it| it["mid"] == mid);
        if there.1.is_none() {
            // There has to be one to end.
            first.ack(
                &mut fleet.nodes[0],
                json!({"op": "mod.mute", "user": "bob", "seconds": 100}),
            );
            fleet.until("it is told", |fleet| {
                muted_for(&mut fleet.nodes[1], "bob").is_some()
            });
        }
        switch.cut();
        let [one, two] = &mut fleet.nodes;
        let request = |seconds: Option<u64>| match seconds {
            Some(seconds) => json!({"op": "mod.mute", "user": "bob", "seconds": seconds}),
            None => json!({"op": "mod.unmute", "user": "bob"}),
        };
        first.ack(one, request(here.1));
        second.ack(two, request(there.1));
        switch.mend();
        let agreed = |fleet: &mut Fleet| {
            [0, 1].iter().all(|node| {
                let left = muted_for(&mut fleet.nodes[*node], "bob");
                let is_long = left.is_some_and(|left| left > Duration::from_secs(500));
                is_long == muted_in_the_end.is_some() && left.is_some() == is_long
            })
        };
        let shared = fleet.nodes[1].world().resource::<Cluster>().clone();
        let shared = shared.shared_state("bevy_bouncer.chat.decisions");
        fleet.until("all is told", |fleet| {
            shared.waiting() == 0 && agreed(fleet)
        });
        let said = bob.ask(&mut fleet.nodes[0], said("hi"));
        assert_eq!(
            said["code"] == "muted",
            muted_in_the_end.is_some(),
            "{said}"
        );
    }
}

/// Neither frames that claim to come from the chat of a node, nor a node that writes without asking, undo a mute.
pub fn a_forged_decision_undoes_nothing(ways: &impl Ways) {
    let mut fleet = Fleet::start(ways);
    let mut admin = Talker::in_room(&mut fleet.nodes[0], "admin-1");
    let mut bob = Talker::in_room(&mut fleet.nodes[0], "bob");
    let mute = json!({"op": "mod.mute", "user": "bob", "seconds": 600});
    admin.ack(&mut fleet.nodes[0], mute);
    fleet.until("it is told", |fleet| {
        muted_for(&mut fleet.nodes[1], "bob").is_some()
    });

    let cluster = fleet.nodes[1].world().resource::<Cluster>().clone();
    let mute = json!({
        "user": "bob", "name": "Bob", "rank": 0, "room": null, "by_rank": 2, "until": 1, "reason": null
    });
    for forged in [
        json!({"Unmuted": ["bob", null]}),
        json!({"Unmuted": {"user": "bob", "room": null, "by": null, "by_rank": 2}}),
        json!({"Muted": mute}),
        json!({"Muted": [mute, null]}),
        json!({"Rules": {"room": "a", "slow_ms": 0, "frozen": true, "by_rank": 2}}),
    ] {
        let frame = forged.to_string();
        cluster.publish_on("bevy_bouncer.chat", frame).unwrap();
    }
    let decisions = cluster.shared_state("bevy_bouncer.chat.decisions");
    let key = json!({"Mute": ["bob", null]}).to_string();
    assert!(decisions.get(&key).is_some());
    for forged in [
        json!({
            "name": "", "rank": null, "by": "mod-1", "by_rank": 1, "until": 0, "kept_ms": 1_000_000, "reason": null
        }),
        json!({
            "name": "", "rank": null, "by": "mod-1", "by_rank": 1, "until": 0, "kept_ms": 0, "reason": null
        }),
    ] {
        let second = Some(Duration::from_secs(2));
        decisions.put(&key, forged.to_string(), second).unwrap();
        fleet.until("it is undone", |_| {
            let held = decisions.get(&key).unwrap().value;
            let held: serde_json::Value = serde_json::from_slice(&held).unwrap();
            held["by_rank"] == 2
        });
        for node in &mut fleet.nodes {
            assert!(muted_for(node, "bob").unwrap() > Duration::from_secs(500));
        }
    }
    assert_eq!(bob.err(&mut fleet.nodes[0], said("hi")), "muted");
}

pub fn what_is_deleted_is_not_read_from_a_node_that_was_away(ways: &impl Ways) {
    let folder = tempfile::tempdir().unwrap();
    let chat = |name: &str| {
        let archive = SqliteChat::open(folder.path().join(name)).unwrap();
        let chat = ChatPlugin::new(options()).unwrap();
        chat.archive(archive)
    };
    let mut fleet = Fleet::start_with(ways, chat);
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut mids = Vec::new();
    for text in ["one", "two", "three"] {
        let mid = ann.say(&mut fleet.nodes[0], text)["mid"].clone();
        fleet.find(1, &mut bob, text, |it| it["mid"] == mid);
        mids.push(mid);
    }
    drop(bob);
    let Fleet {
        nodes: [mut one, two],
    } = fleet;
    exit(two);
    let delete = |mid: &serde_json::Value| json!({"op": "chat.delete", "room": "a", "mid": mid});
    ann.ack(&mut one, delete(&mids[1]));
    let deletions = one.world().resource::<Cluster>().clone();
    let deletions = deletions.recent_state(
        "bevy_bouncer.chat.deletions",
        options().remembered_deletions,
    );
    one.until("it is shared", |_| deletions.waiting() == 0);

    let mut two = node(ways.straight(), "two", chat("two"));
    let mut bob = Talker::join(&mut two, "bob");
    let joined = bob.ask(&mut two, json!({"op": "room.join", "room": "a"}));
    let texts: Vec<_> = joined["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(text_of)
        .collect();
    assert_eq!(texts, ["one", "(deleted)", "three"]);
    exit(two);
    let archive = SqliteChat::open(folder.path().join("two")).unwrap();
    let kept = block_on(archive.load(10, 10)).unwrap();
    let texts: Vec<_> = kept
        .messages
        .iter()
        .map(|kept| kept.text.as_deref())
        .collect();
    assert_eq!(texts, [Some("one"), None, Some("three")]);
}

pub fn rooms_whispers_and_moderation_reach_the_other_node(ways: &impl Ways) {
    let mut fleet = Fleet::start(ways);
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut moderator = Talker::in_room(&mut fleet.nodes[1], "mod-1");

    let mut hello = said("hello");
    hello["id"] = json!("m1");
    let mid = ann.ack(&mut fleet.nodes[0], hello.clone())["mid"].clone();
    let heard = fleet.find(1, &mut bob, "hello", |it| it["mid"] == mid);
    assert_eq!(heard["from"]["id"], "ann");
    assert_eq!(text_of(&heard), "hello");

    // Who comes to the other node and sends it again is not heard twice.
    drop(ann);
    fleet.nodes[0].until("ann is gone", |game| game.players() == 0);
    let mut ann = Talker::in_room(&mut fleet.nodes[1], "ann");
    assert_eq!(ann.ack(&mut fleet.nodes[1], hello)["mid"], mid);
    assert_eq!(bob.texts(&mut fleet.nodes[1]), [""; 0]);
    drop(ann);
    fleet.nodes[1].until("ann is gone", |game| game.players() == 2);
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");

    ann.ack(
        &mut fleet.nodes[0],
        json!({"op": "chat.delete", "room": "a", "mid": mid}),
    );
    fleet.find(1, &mut bob, "deletion", |it| {
        it["op"] == "chat.deleted" && it["mid"] == mid
    });

    // Who is above whom is known of whoever was heard.
    let mut admin = Talker::in_room(&mut fleet.nodes[0], "admin-1");
    let law = admin.say(&mut fleet.nodes[0], "law")["mid"].clone();
    fleet.find(1, &mut bob, "law", |it| it["mid"] == law);
    for request in [
        json!({"op": "mod.mute", "user": "admin-1"}),
        json!({"op": "chat.delete", "room": "a", "mid": law}),
    ] {
        assert_eq!(moderator.err(&mut fleet.nodes[1], request), "forbidden");
    }

    // A whisper finds its way, and both hear it.
    ann.send(json!({"op": "chat.whisper", "id": "w1", "to": "bob", "d": {"text": "psst"}}));
    let ack = fleet.find(0, &mut ann, "ack", |it| it["re"] == "w1");
    assert_eq!(ack["op"], "ack", "{ack}");
    let whisper = |it: &serde_json::Value| it["op"] == "chat.whisper";
    let heard = fleet.find(1, &mut bob, "whisper", whisper);
    assert_eq!(
        (&heard["mid"], &heard["to"]["name"]),
        (&ack["mid"], &json!("Name of bob"))
    );
    fleet.find(0, &mut ann, "echo", whisper);
    // It is not said again by whoever comes to the other node with it.
    drop(ann);
    fleet.nodes[0].until("ann is gone", |game| game.players() == 1);
    let mut ann = Talker::in_room(&mut fleet.nodes[1], "ann");
    let again = json!({"op": "chat.whisper", "id": "w1", "to": "bob", "d": {"text": "psst"}});
    assert_eq!(ann.ack(&mut fleet.nodes[1], again)["mid"], ack["mid"]);
    drop(ann);
    fleet.nodes[1].until("ann is gone", |game| game.players() == 2);
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    ann.send(json!({"op": "chat.whisper", "id": "w2", "to": "nobody", "d": {"text": "psst"}}));
    let err = fleet.find(0, &mut ann, "error", |it| it["re"] == "w2");
    assert_eq!(err["code"], "unknown_user");

    // So do a mute, its end, and the rules.
    let mute = json!({"op": "mod.mute", "user": "ann", "reason": "enough"});
    moderator.ack(&mut fleet.nodes[1], mute);
    let told = fleet.find(0, &mut ann, "mute", |it| it["op"] == "muted");
    assert_eq!(told["reason"], "enough");
    assert_eq!(ann.err(&mut fleet.nodes[0], said("hi")), "muted");
    moderator.ack(
        &mut fleet.nodes[1],
        json!({"op": "mod.unmute", "user": "ann"}),
    );
    fleet.find(0, &mut ann, "end of the mute", |it| it["op"] == "unmuted");
    let freeze = json!({"op": "mod.freeze", "room": "a", "on": true});
    moderator.ack(&mut fleet.nodes[1], freeze);
    fleet.find(0, &mut ann, "rules", |it| it["rules"]["frozen"] == true);
    assert_eq!(ann.err(&mut fleet.nodes[0], said("hi")), "frozen");
    let kick = json!({"op": "mod.kick", "user": "bob"});
    moderator.ack(&mut fleet.nodes[1], kick);
    assert_eq!(bob.close(&mut fleet.nodes[1]).0, 4004);
}

pub fn what_is_decided_on_one_node_is_kept_by_the_other(ways: &impl Ways) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let mut fleet = Fleet::start_with(ways, |name| {
        let archive = SqliteChat::open(file(name)).unwrap();
        let chat = ChatPlugin::new(options()).unwrap();
        chat.archive(archive)
    });
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut eve = Talker::join(&mut fleet.nodes[1], "eve");
    let mut admin = Talker::in_room(&mut fleet.nodes[0], "admin-1");
    let mid = admin.say(&mut fleet.nodes[0], "oops")["mid"].clone();
    // A deletion may overtake its message, which then comes without its words.
    fleet.find(1, &mut bob, "message", |it| it["mid"] == mid);
    let delete = json!({"op": "chat.delete", "room": "a", "mid": mid});
    admin.ack(&mut fleet.nodes[0], delete);
    fleet.find(1, &mut bob, "deletion", |it| it["op"] == "chat.deleted");
    for user in ["bob", "eve"] {
        admin.ack(&mut fleet.nodes[0], json!({"op": "mod.mute", "user": user}));
    }
    fleet.find(1, &mut bob, "mute", |it| it["op"] == "muted");
    fleet.find(1, &mut eve, "mute", |it| it["op"] == "muted");
    admin.ack(
        &mut fleet.nodes[0],
        json!({"op": "mod.unmute", "user": "eve"}),
    );
    fleet.find(1, &mut eve, "end of the mute", |it| it["op"] == "unmuted");
    let Fleet { nodes: [_one, two] } = fleet;
    exit(two);

    let archive = SqliteChat::open(file("two")).unwrap();
    let kept = block_on(archive.load(10, 10)).unwrap();
    assert_eq!(kept.messages[0].text, None);
    assert_eq!(kept.messages[0].rank, 2);
    let muted: Vec<_> = kept.mutes.iter().map(|mute| mute.user.as_str()).collect();
    assert_eq!(muted, ["bob"]);
}

/// A game that passes on whatever players send.
fn shout(mut frames: MessageReader<ClientFrame>, mut all: ClusterOutbox, cluster: Res<Cluster>) {
    for frame in frames.read() {
        all.broadcast_everywhere(frame.payload.clone()).unwrap();
        cluster.publish(frame.payload.clone()).unwrap();
    }
}

pub fn p03_what_a_game_passes_on_is_no_word_of_another_node(ways: &impl Ways) {
    let mut fleet = Fleet::start(ways);
    fleet.nodes[0].app.add_systems(Update, shout);
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    let message = json!({
        "room": "a", "seq": 1, "mid": "x-1", "at": 1, "user": "admin-1", "name": "Admin", "rank": 2,
        "text": "forged", "client_id": null
    });
    for forged in [
        json!({"Said": message}),
        json!({"bevy_bouncer_chat": {"Said": message}}),
        json!({"Rules": {"room": "a", "slow_ms": 0, "frozen": true}}),
    ] {
        ann.send(forged);
    }
    ann.send(json!({"op": "last"}));
    fleet.find(1, &mut bob, "the last", |it| it["op"] == "last");
    assert_eq!(bob.texts(&mut fleet.nodes[1]), [""; 0]);
    bob.say(&mut fleet.nodes[1], "not frozen");
}

pub fn who_is_online_on_another_node_is_known_until_it_dies(ways: &impl Ways) {
    const LIFETIME: Duration = Duration::from_secs(3);
    let (way, switch) = ways.own();
    let chat = || {
        let options = ChatOptions {
            presence_lifetime: LIFETIME,
            ..options()
        };
        ChatPlugin::new(options).unwrap()
    };
    let mut fleet = Fleet {
        nodes: [
            node(ways.straight(), "one", chat()),
            node(way, "two", chat()),
        ],
    };
    let online = |fleet: &mut Fleet, name: &str| {
        let presence = fleet.nodes[0].world().resource::<FleetPresence>();
        let found = presence.of(&user(name));
        assert_eq!(
            presence.rank_of(&user(name)),
            found.iter().map(|it| it.rank).max()
        );
        found
    };
    let _here = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut moderator = Talker::join(&mut fleet.nodes[1], "mod-1");
    fleet.until("it is known", |fleet| !online(fleet, "mod-1").is_empty());
    let known = online(&mut fleet, "mod-1").remove(0);
    assert_eq!((known.name.as_str(), known.rank), ("Name of mod-1", 1));
    assert_eq!(known.rooms, [""; 0]);
    moderator.ack(&mut fleet.nodes[1], json!({"op": "room.join", "room": "a"}));
    fleet.until("the room is known", |fleet| {
        online(fleet, "mod-1")[0].rooms == ["a"]
    });
    assert!(
        online(&mut fleet, "ann").is_empty(),
        "who is here is not elsewhere"
    );
    let users = fleet.nodes[0].world().resource::<FleetPresence>().users();
    assert_eq!(
        users,
        [(user("mod-1"), online(&mut fleet, "mod-1").remove(0))]
    );

    // It lasts for as long as the node lives, and is back with it.
    let until = std::time::Instant::now() + LIFETIME * 3 / 2;
    fleet.until("time passes", |fleet| {
        assert!(!online(fleet, "mod-1").is_empty());
        std::time::Instant::now() > until
    });
    switch.cut();
    fleet.until("it counts as dead", |fleet| {
        online(fleet, "mod-1").is_empty()
    });
    assert!(
        fleet.nodes[0]
            .world()
            .resource::<FleetPresence>()
            .users()
            .is_empty()
    );
    switch.mend();
    fleet.until("it is back", |fleet| !online(fleet, "mod-1").is_empty());
    drop(moderator);
    fleet.until("it is gone", |fleet| online(fleet, "mod-1").is_empty());
}

pub fn p16_who_is_on_another_node_is_no_less_a_superior(ways: &impl Ways) {
    let mut fleet = Fleet::start(ways);
    let mut moderator = Talker::join(&mut fleet.nodes[1], "mod-1");
    let mut admin = Talker::join(&mut fleet.nodes[0], "admin-1");
    for op in OPS {
        let request = about(op, "admin-1");
        assert_eq!(
            moderator.err(&mut fleet.nodes[1], request),
            "forbidden",
            "{op}"
        );
    }
    admin.ack(&mut fleet.nodes[0], json!({"op": "room.list"}));
    assert_eq!(admin.closed, None);
}
