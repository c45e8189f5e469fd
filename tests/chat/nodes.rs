//! One chat on two nodes.

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
struct Fleet {
    nodes: [Game; 2],
}

impl Fleet {
    fn start() -> Self {
        Self::start_with(|_| ChatPlugin::new(options()).unwrap())
    }

    fn start_with(chat: impl Fn(&str) -> ChatPlugin) -> Self {
        let backplane = InProcessBackplane::new();
        let nodes = ["one", "two"].map(|name| {
            let config = config().subprotocols([SUBPROTOCOL]);
            let door = BouncerPlugin::bind(config, authenticator()).unwrap();
            let door = door
                .cluster(backplane.clone(), ClusterOptions::named(name))
                .unwrap();
            let mut game = Game::open_with(door, |app| {
                app.add_plugins(chat(name));
            });
            game.offer = Some(SUBPROTOCOL);
            game.world().spawn(Room::open("a"));
            game.until("the node is ready", |game| game.bouncer.is_ready());
            game
        });
        Self { nodes }
    }

    /// What a talker on this node hears, while the other node goes on.
    #[track_caller]
    fn find(
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
    let delete = json!({"op": "chat.delete", "room": "a", "mid": mid});
    admin.ack(&mut fleet.nodes[0], delete);
    fleet.find(1, &mut bob, "deletion", |it| it["op"] == "chat.deleted");
    for (op, user) in [
        ("mod.mute", "bob"),
        ("mod.mute", "eve"),
        ("mod.unmute", "eve"),
    ] {
        admin.ack(&mut fleet.nodes[0], json!({"op": op, "user": user}));
    }
    fleet.find(1, &mut bob, "mute", |it| it["op"] == "muted");
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
