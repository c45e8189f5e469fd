//! One chat on three nodes, whatever they share it by, attacked.

use std::time::{Duration, Instant};

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{
    fleet::{Switch, Ways},
    support::*,
    talker::*,
};

/// Tests all of it over what this opens, if there is one on this machine.
macro_rules! chat_over_three_nodes {
    ($ways:expr) => {
        crate::fleet::each_over! {
            $ways, three_nodes:
            p16_a_session_from_before_a_promotion_does_not_hide_one_on_another_node
            whoever_goes_from_node_to_node_keeps_the_pace
            whoever_goes_from_node_to_node_waits_in_slow_mode
            a_rule_is_not_undone_by_another_one_from_a_node_that_was_away
            p16_what_a_node_that_is_cut_off_knows_of_others_is_no_proof
            whoever_is_muted_where_there_is_no_place_is_muted_nevertheless
        }
    };
}
pub(crate) use chat_over_three_nodes;

/// Three nodes with the room "a", which share one directory. Each has a way of its own to the backplane.
struct Fleet {
    nodes: Vec<Game>,
    switches: Vec<Switch>,
}

impl Fleet {
    fn start(ways: &impl Ways, people: &People) -> Self {
        Self::start_with(ways, people, |_| ())
    }

    fn start_with(ways: &impl Ways, people: &People, change: impl Fn(&mut ChatOptions)) -> Self {
        let mut switches = Vec::new();
        let nodes = (0..3).map(|number| {
            let (way, switch) = ways.own();
            switches.push(switch);
            let mut config = config().subprotocols([SUBPROTOCOL]);
            config.limits.duplicate_login = DuplicateLogin::Allow;
            config.limits.connections_per_user = 3;
            let door = BouncerPlugin::bind(config, tokens_of(people.clone())).unwrap();
            let mut options = ClusterOptions::named(format!("node-{number}"));
            options.max_lag = Duration::from_secs(1);
            options.command_timeout = Duration::from_millis(500);
            let door = door.cluster(way, options).unwrap();
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
        let nodes = nodes.collect();
        Self { nodes, switches }
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
        let switch = &self.switches[node];
        if reachable {
            switch.mend();
        } else {
            switch.cut();
        }
    }
}

fn about(op: &str, user: &str) -> Value {
    json!({"op": op, "user": user})
}

pub fn p16_a_session_from_before_a_promotion_does_not_hide_one_on_another_node(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start(ways, &people);
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

pub fn whoever_goes_from_node_to_node_keeps_the_pace(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start_with(ways, &people, |options| {
        options.burst = 3;
        options.messages_per_second = 0.01;
    });
    let mut moderator = Talker::in_room(&mut fleet.nodes[2], "mod-1");
    let mut talkers: Vec<_> = (0..3)
        .map(|node| Talker::in_room(&mut fleet.nodes[node], "ann"))
        .collect();
    let mut said_by_now = 0;
    for round in 0..3 {
        for (node, talker) in talkers.iter_mut().enumerate() {
            let text = format!("{round} on {node}");
            let answer = talker.ask(&mut fleet.nodes[node], said(&text));
            if answer["op"] == "ack" {
                said_by_now += 1;
                fleet.find(2, &mut moderator, "it", |it| text_of(it) == text);
                let until = Instant::now() + Duration::from_millis(100);
                fleet.until("all nodes know", |_| Instant::now() > until);
            }
        }
    }
    assert_eq!(said_by_now, 3);
}

pub fn whoever_goes_from_node_to_node_waits_in_slow_mode(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start(ways, &people);
    let mut moderator = Talker::in_room(&mut fleet.nodes[2], "mod-1");
    let mut here = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut there = Talker::in_room(&mut fleet.nodes[1], "ann");
    moderator.ack(
        &mut fleet.nodes[2],
        json!({"op": "mod.slow", "room": "a", "seconds": 600}),
    );
    fleet.find(0, &mut here, "rules", |it| it["op"] == "room.rules");
    fleet.find(1, &mut there, "rules", |it| it["op"] == "room.rules");
    here.say(&mut fleet.nodes[0], "one");
    fleet.find(1, &mut there, "it", |it| text_of(it) == "one");
    assert_eq!(there.err(&mut fleet.nodes[1], said("two")), "slow_mode");
}

#[test]
fn a_ban_that_is_over_at_once_is_none() {
    let mut game = start();
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mut ann = Talker::in_room(&mut game, "ann");
    for op in ["mod.mute", "mod.ban"] {
        let request = json!({"op": op, "user": "ann", "seconds": 0});
        assert_eq!(moderator.err(&mut game, request), "bad_request");
    }
    ann.say(&mut game, "still here");
}

pub fn a_rule_is_not_undone_by_another_one_from_a_node_that_was_away(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start(ways, &people);
    let mut admin = Talker::in_room(&mut fleet.nodes[0], "admin-1");
    let mut moderator = Talker::in_room(&mut fleet.nodes[1], "mod-1");
    fleet.set_reachable(1, false);
    moderator.ack(
        &mut fleet.nodes[1],
        json!({"op": "mod.slow", "room": "a", "seconds": 10}),
    );
    admin.ack(
        &mut fleet.nodes[0],
        json!({"op": "mod.freeze", "room": "a", "on": true}),
    );
    fleet.until("it is frozen on node 2", |fleet| fleet.is_frozen(2));
    fleet.set_reachable(1, true);
    fleet.until("the slow mode is everywhere", |fleet| {
        (0..3).all(|node| {
            let room = room(&mut fleet.nodes[node], "a");
            let rules = fleet.nodes[node].world().get::<RoomRules>(room).unwrap();
            rules.slow_mode == Some(Duration::from_secs(10))
        })
    });
    let until = Instant::now() + Duration::from_millis(1500);
    fleet.until("time passes", |_| Instant::now() > until);
    assert_eq!([0, 1, 2].map(|node| fleet.is_frozen(node)), [true; 3]);
}

pub fn p16_what_a_node_that_is_cut_off_knows_of_others_is_no_proof(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start(ways, &people);
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

pub fn whoever_is_muted_where_there_is_no_place_is_muted_nevertheless(ways: &impl Ways) {
    let people = People::default();
    let mut fleet = Fleet::start_with(ways, &people, |options| options.remembered_users = 2);
    let mut moderator = Talker::in_room(&mut fleet.nodes[0], "mod-1");
    let _others: Vec<_> = ["x", "y", "z"]
        .map(|name| Talker::in_room(&mut fleet.nodes[1], name))
        .into();
    moderator.ack(&mut fleet.nodes[0], about("mod.mute", "ann"));
    let until = Instant::now() + Duration::from_millis(500);
    fleet.until("time passes", |_| Instant::now() > until);
    let mut ann = Talker::in_room(&mut fleet.nodes[1], "ann");
    assert_eq!(ann.err(&mut fleet.nodes[1], said("hi")), "muted");
}
