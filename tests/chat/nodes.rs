//! One chat on two nodes.

use std::time::Duration;

use bevy_app::Update;
use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{
    support::*,
    talker::{authenticator, *},
};

/// Both nodes are ticked.
pub struct Fleet {
    pub nodes: [Game; 2],
}

impl Fleet {
    pub fn start() -> Self {
        Self::start_with(|_| ChatPlugin::new(options()).unwrap())
    }

    pub fn start_with(chat: impl Fn(&str) -> ChatPlugin) -> Self {
        let backplane = InProcessBackplane::new();
        let nodes = ["one", "two"].map(|name| node(backplane.clone(), name, chat(name)));
        Self { nodes }
    }

    /// Node two has a way of its own to the backplane, which can be cut.
    pub fn with_own_way() -> (Self, InProcessBackplane) {
        let backplane = InProcessBackplane::new();
        let way = backplane.own_way();
        let chat = || ChatPlugin::new(options()).unwrap();
        let nodes = [
            node(backplane, "one", chat()),
            node(way.clone(), "two", chat()),
        ];
        (Self { nodes }, way)
    }

    /// Ticks both until it is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(std::time::Instant::now() < deadline, "timed out: {what}");
            for game in &mut self.nodes {
                game.tick();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A talker on this node reads this Close, while the other node goes on.
    #[track_caller]
    pub fn find_close(&mut self, node: usize, talker: &mut Talker, closed: (u16, &str)) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while talker.closed.is_none() {
            assert!(std::time::Instant::now() < deadline, "still open");
            self.nodes[1 - node].tick();
            talker.listen(&mut self.nodes[node]);
        }
        let (code, reason) = talker.closed.clone().unwrap();
        assert_eq!((code, reason.as_str()), closed);
    }

    /// What a talker on this node hears, while the other node goes on.
    pub fn find(
        &mut self,
        node: usize,
        talker: &mut Talker,
        what: &str,
        like: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !talker.heard.iter().any(&like) {
            assert!(
                std::time::Instant::now() < deadline,
                "no {what}: {:?}",
                talker.heard
            );
            self.nodes[1 - node].tick();
            talker.listen(&mut self.nodes[node]);
        }
        talker.find(&mut self.nodes[node], what, like)
    }
}

/// A node with the room "a".
pub fn node(backplane: InProcessBackplane, name: &str, chat: ChatPlugin) -> Game {
    let mut game = not_ready(backplane, name, chat);
    game.until("the node is ready", |game| game.bouncer.is_ready());
    game
}

fn not_ready(backplane: InProcessBackplane, name: &str, chat: ChatPlugin) -> Game {
    let config = config().subprotocols([SUBPROTOCOL]);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut options = ClusterOptions::named(name);
    options.max_lag = Duration::from_secs(1);
    options.command_timeout = Duration::from_millis(500);
    let door = door.cluster(backplane, options).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_plugins(chat);
    });
    game.offer = Some(SUBPROTOCOL);
    game.world().spawn(Room::open("a"));
    game
}

fn muted_for(game: &mut Game, name: &str) -> Option<Duration> {
    let users = game.world().resource::<Users>();
    users.muted_for(&user(name), &MutedIn::Everywhere)
}

pub fn cut() -> Faults {
    Faults {
        unreachable: true,
        ..Faults::default()
    }
}

#[test]
fn a_node_that_starts_later_knows_the_muted_and_the_rules() {
    let backplane = InProcessBackplane::new();
    let chat = || ChatPlugin::new(options()).unwrap();
    let mut one = node(backplane.clone(), "one", chat());
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

    let mut two = node(backplane.clone(), "two", chat());
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

#[test]
fn a_node_that_has_never_had_the_decisions_lets_nobody_in_and_one_that_had_goes_on() {
    let (mut fleet, way) = Fleet::with_own_way();
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut moderator = Talker::in_room(&mut fleet.nodes[1], "mod-1");
    way.set_faults(cut());
    let late_way = way.own_way();
    late_way.set_faults(cut());
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
    way.set_faults(Faults::default());
    fleet.until("it is told", |fleet| {
        muted_for(&mut fleet.nodes[0], "bob").is_some()
    });
}

#[test]
fn of_two_who_decide_while_they_are_cut_off_the_one_above_counts() {
    for (here, there, muted_in_the_end) in [
        // An admin's mute stands against the moderator's, whoever comes first.
        (("admin-1", Some(600)), ("mod-1", Some(5)), Some(600)),
        (("mod-1", Some(5)), ("admin-1", Some(600)), Some(600)),
        // A mute stands against the end of an older one, unless that comes from above.
        (("mod-1", Some(600)), ("mod-2", None), Some(600)),
        (("mod-1", Some(600)), ("admin-1", None), None),
    ] {
        let (mut fleet, way) = Fleet::with_own_way();
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
        way.set_faults(cut());
        let [one, two] = &mut fleet.nodes;
        let request = |seconds: Option<u64>| match seconds {
            Some(seconds) => json!({"op": "mod.mute", "user": "bob", "seconds": seconds}),
            None => json!({"op": "mod.unmute", "user": "bob"}),
        };
        first.ack(one, request(here.1));
        second.ack(two, request(there.1));
        way.set_faults(Faults::default());
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
#[test]
fn a_forged_decision_undoes_nothing() {
    let mut fleet = Fleet::start();
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

#[test]
fn what_is_deleted_is_not_read_from_a_node_that_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let backplane = InProcessBackplane::new();
    let chat = |name: &str| {
        let archive = SqliteChat::open(folder.path().join(name)).unwrap();
        let chat = ChatPlugin::new(options()).unwrap();
        chat.archive(archive).unwrap()
    };
    let mut fleet = Fleet {
        nodes: ["one", "two"].map(|name| node(backplane.clone(), name, chat(name))),
    };
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

    let mut two = node(backplane.clone(), "two", chat("two"));
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

#[test]
fn rooms_whispers_and_moderation_reach_the_other_node() {
    let mut fleet = Fleet::start();
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

#[test]
fn what_is_decided_on_one_node_is_kept_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let mut fleet = Fleet::start_with(|name| {
        let archive = SqliteChat::open(file(name)).unwrap();
        let chat = ChatPlugin::new(options()).unwrap();
        chat.archive(archive).unwrap()
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

#[test]
fn p03_what_a_game_passes_on_is_no_word_of_another_node() {
    let mut fleet = Fleet::start();
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

#[test]
fn who_is_online_on_another_node_is_known_until_it_dies() {
    let backplane = InProcessBackplane::new();
    let way = backplane.own_way();
    let chat = || {
        let options = ChatOptions {
            presence_lifetime: Duration::from_secs(1),
            ..options()
        };
        ChatPlugin::new(options).unwrap()
    };
    let mut fleet = Fleet {
        nodes: [
            node(backplane.clone(), "one", chat()),
            node(way.clone(), "two", chat()),
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
    let until = std::time::Instant::now() + Duration::from_millis(1500);
    fleet.until("time passes", |fleet| {
        assert!(!online(fleet, "mod-1").is_empty());
        std::time::Instant::now() > until
    });
    way.set_faults(cut());
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
    way.set_faults(Faults::default());
    fleet.until("it is back", |fleet| !online(fleet, "mod-1").is_empty());
    drop(moderator);
    fleet.until("it is gone", |fleet| online(fleet, "mod-1").is_empty());
}
