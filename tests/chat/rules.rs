//! Slow mode and freezing carry the rank of whoever decided, on all nodes.

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{fleet::Fleet, support::*, talker::*};

fn freeze(on: bool) -> Value {
    json!({"op": "mod.freeze", "room": "a", "on": on})
}

fn slow(seconds: u64) -> Value {
    json!({"op": "mod.slow", "room": "a", "seconds": seconds})
}

fn is_frozen(game: &mut Game) -> bool {
    let room = room(game, "a");
    game.world().get::<RoomRules>(room).unwrap().is_frozen
}

#[test]
fn a_moderator_does_not_undo_an_admins_rule() {
    let mut game = start();
    let mut moderator = Talker::join(&mut game, "mod-1");
    let mut admin = Talker::join(&mut game, "admin-1");
    admin.ack(&mut game, freeze(true));
    assert_eq!(moderator.err(&mut game, freeze(false)), "forbidden");
    // To want the same is not to take it over.
    moderator.ack(&mut game, freeze(true));
    assert_eq!(moderator.err(&mut game, freeze(false)), "forbidden");
    // Each rule has its own rank.
    moderator.ack(&mut game, slow(5));
    moderator.ack(&mut game, slow(0));
    admin.ack(&mut game, slow(30));
    for seconds in [0, 10, 60] {
        assert_eq!(moderator.err(&mut game, slow(seconds)), "forbidden");
    }
    let entity = room(&mut game, "a");
    let rules = game.world().get::<RoomRules>(entity).unwrap().clone();
    assert!(rules.is_frozen);
    assert_eq!(rules.slow_mode, Some(std::time::Duration::from_secs(30)));
    // Opened again, the room has what was decided, with its rank.
    game.world().despawn(entity);
    game.world().spawn(Room::open("a"));
    assert!(is_frozen(&mut game));
    assert_eq!(moderator.err(&mut game, freeze(false)), "forbidden");
    // After its end everybody decides again.
    for request in [freeze(false), slow(0)] {
        admin.ack(&mut game, request);
    }
    for request in [freeze(true), freeze(false), slow(1), slow(0)] {
        moderator.ack(&mut game, request);
    }
}

#[test]
fn a_moderator_on_another_node_does_not_undo_it_either() {
    let mut fleet = Fleet::start(&InProcessBackplane::new());
    let mut admin = Talker::join(&mut fleet.nodes[0], "admin-1");
    let mut moderator = Talker::join(&mut fleet.nodes[1], "mod-1");
    admin.ack(&mut fleet.nodes[0], freeze(true));
    fleet.until("it is told", |fleet| is_frozen(&mut fleet.nodes[1]));
    assert_eq!(
        moderator.err(&mut fleet.nodes[1], freeze(false)),
        "forbidden"
    );
    admin.ack(&mut fleet.nodes[0], freeze(false));
    fleet.until("its end is told", |fleet| !is_frozen(&mut fleet.nodes[1]));
    moderator.ack(&mut fleet.nodes[1], freeze(true));
    fleet.until("it is told", |fleet| is_frozen(&mut fleet.nodes[0]));
}

#[test]
fn of_two_who_decide_while_they_are_cut_off_the_one_above_counts() {
    for (here, there, frozen_in_the_end) in [
        // The end of a rule from above counts against the rule, and one from below does not.
        (("admin-1", false), ("mod-1", true), true),
        (("admin-1", true), ("mod-1", false), true),
        (("mod-1", true), ("admin-1", false), false),
        // Between equals, the rule counts against its end.
        (("mod-1", true), ("mod-2", false), true),
        (("mod-1", false), ("mod-2", true), true),
    ] {
        let (mut fleet, way) = Fleet::with_own_way(&InProcessBackplane::new());
        let [one, two] = &mut fleet.nodes;
        let mut first = Talker::in_room(one, here.0);
        let mut second = Talker::in_room(two, there.0);
        way.cut();
        first.ack(&mut fleet.nodes[0], freeze(here.1));
        second.ack(&mut fleet.nodes[1], freeze(there.1));
        let shared = |game: &mut Game| {
            let cluster = game.world().resource::<Cluster>().clone();
            cluster.shared_state("bevy_bouncer.chat.decisions")
        };
        let [here_shared, there_shared] = [0, 1].map(|node| shared(&mut fleet.nodes[node]));
        fleet.until("node one has told", |_| here_shared.waiting() == 0);
        way.mend();
        fleet.until("all is told", |fleet| {
            let agreed = fleet
                .nodes
                .iter_mut()
                .all(|game| is_frozen(game) == frozen_in_the_end);
            there_shared.waiting() == 0 && here_shared.waiting() == 0 && agreed
        });
    }
}

/// A node that writes without asking does not undo a rule.
#[test]
fn a_forged_end_of_a_rule_is_not_taken() {
    let mut fleet = Fleet::start(&InProcessBackplane::new());
    let mut admin = Talker::in_room(&mut fleet.nodes[0], "admin-1");
    admin.ack(&mut fleet.nodes[0], freeze(true));
    fleet.until("it is told", |fleet| is_frozen(&mut fleet.nodes[1]));
    let cluster = fleet.nodes[1].world().resource::<Cluster>().clone();
    let decisions = cluster.shared_state("bevy_bouncer.chat.decisions");
    let key = json!({"Frozen": "a"}).to_string();
    assert!(decisions.get(&key).is_some());
    let forged = json!({"rule": {"Frozen": false}, "by": "mod-1", "by_rank": 1, "outranks": 1});
    let minute = Some(std::time::Duration::from_secs(60));
    decisions.put(&key, forged.to_string(), minute).unwrap();
    fleet.until("it is undone", |_| {
        let held: Value = serde_json::from_slice(&decisions.get(&key).unwrap().value).unwrap();
        held["by_rank"] == 2
    });
    assert!(fleet.nodes.iter_mut().all(is_frozen));
}
