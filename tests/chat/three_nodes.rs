//! One chat on three nodes, attacked.

use std::time::{Duration, Instant};

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{support::*, talker::*};

/// Three nodes with the room "a", which share one directory. Each has a way of its own to the backplane.
struct Fleet {
    nodes: Vec<Game>,
    ways: Vec<InProcessBackplane>,
}

impl Fleet {
    fn start(people: &People) -> Self {
        Self::start_with(people, |_| ())
    }

    fn start_with(people: &People, change: impl Fn(&mut ChatOptions)) -> Self {
        let backplane = InProcessBackplane::new();
        let ways: Vec<_> = (0..3).map(|_| backplane.own_way()).collect();
        let nodes = ways.iter().enumerate();
        let nodes = nodes.map(|(number, way)| {
            let mut config = config().subprotocols([SUBPROTOCOL]);
            config.limits.duplicate_login = DuplicateLogin::Allow;
            config.limits.connections_per_user = 3;
            let door = BouncerPlugin::bind(config, tokens_of(people.clone())).unwrap();
            let mut options = ClusterOptions::named(format!("node-{number}"));
            options.max_lag = Duration::from_secs(1);
            options.command_timeout = Duration::from_millis(500);
            let door = door.cluster(way.clone(), options).unwrap();
            let mut chat_options = crate::talker::options();
            change(&mut chat_options);
            let mut game = Game::open_with(door, |app| {
                app.add_plugins(ChatPlugin::new(chat_options).unwrap());
            });
            game.offer = Some(SUBPROTOCOL);
            game.world().spawn(Room::open("a"));
            game.until("the node is ready", |game| game.bouncer.is_ready());
            game
        });
        Self {
            nodes: nodes.collect(),
            ways,
        }
    }

    /// Ticks all until it is so.
    #[track_caller]
    fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "timed out: {what}");
            for game in &mut self.nodes {
                game.tick();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a talker on this node hears, while the other nodes go on.
    #[track_caller]
    fn find(
        &mut self,
        node: usize,
        talker: &mut Talker,
        what: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while !talker.heard.iter().any(&like) {
            assert!(Instant::now() < deadline, "no {what}: {:?}", talker.heard);
            for other in (0..3).filter(|other| *other != node) {
                self.nodes[other].tick();
            }
            talker.listen(&mut self.nodes[node]);
        }
        talker.find(&mut self.nodes[node], what, like)
    }

    fn rank_elsewhere(&mut self, node: usize, name: &str) -> Option<u8> {
        let presence = self.nodes[node].world().resource::<FleetPresence>();
        presence.rank_of(&user(name))
    }

    fn is_frozen(&mut self, node: usize) -> bool {
        let room = room(&mut self.nodes[node], "a");
        self.nodes[node]
            .world()
            .get::<RoomRules>(room)
            .unwrap()
            .is_frozen
    }

    fn set_reachable(&self, node: usize, reachable: bool) {
        self.ways[node].set_faults(Faults {
            unreachable: !reachable,
            ..Faults::default()
        });
    }
}

fn about(op: &str, user: &str) -> Value {
    json!({"op": op, "user": user})
}

#[test]
fn p16_a_session_from_before_a_promotion_does_not_hide_one_on_another_node() {
    let people = People::default();
    let mut fleet = Fleet::start(&people);
    people.write("ann", "Ann", &[]);
    let mut old = Talker::in_room(&mut fleet.nodes[0], "ann");
    people.write("ann", "Ann", &["admin"]);
    let _new = Talker::in_room(&mut fleet.nodes[1], "ann");
    let mut moderator = Talker::in_room(&mut fleet.nodes[0], "mod-1");
    fleet.until("it is known", |fleet| {
        fleet.rank_elsewhere(0, "ann") == Some(2)
    });
    for op in [
        "mod.mute",
        "mod.kick",
        "mod.ban",
        "mod.revoke",
        "mod.restore",
        "mod.unmute",
    ] {
        let answer = moderator.ask(&mut fleet.nodes[0], about(op, "ann"));
        assert_eq!(answer["code"], "forbidden", "{op} {answer}");
    }
    let mid = old.say(&mut fleet.nodes[0], "hi")["mid"].clone();
    let delete = json!({"op": "chat.delete", "room": "a", "mid": mid});
    assert_eq!(moderator.err(&mut fleet.nodes[0], delete), "forbidden");
}

#[test]
fn p16_what_a_node_that_is_cut_off_knows_of_others_is_no_proof() {
    let people = People::default();
    let mut fleet = Fleet::start(&people);
    people.write("ann", "Ann", &[]);
    let mut ann = Talker::in_room(&mut fleet.nodes[1], "ann");
    let mut moderator = Talker::in_room(&mut fleet.nodes[0], "mod-1");
    fleet.until("it is known", |fleet| {
        fleet.rank_elsewhere(0, "ann") == Some(0)
    });
    fleet.set_reachable(0, false);
    people.write("ann", "Ann", &["admin"]);
    ann.ack(
        &mut fleet.nodes[1],
        json!({"op": "auth.refresh", "token": token("ann")}),
    );
    fleet.until("others know", |fleet| {
        fleet.rank_elsewhere(2, "ann") == Some(2)
    });
    let until = Instant::now() + Duration::from_millis(2500);
    fleet.until("time passes", |_| Instant::now() > until);
    let answer = moderator.ask(&mut fleet.nodes[0], about("mod.mute", "ann"));
    assert_eq!(answer["code"], "forbidden", "{answer}");
}
