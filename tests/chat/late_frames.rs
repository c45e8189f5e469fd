//! What one node tells another comes late, and deletions do not wait for it.

use std::time::Duration;

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::{Value, json};

use crate::{
    fleet::{Fleet, node},
    talker::*,
};

#[test]
fn a_message_that_comes_after_its_deletion_has_no_words() {
    let backplane = InProcessBackplane::new();
    let ways = [backplane.own_way(), backplane.own_way()];
    let chat = || ChatPlugin::new(options()).unwrap();
    let nodes = [
        node(ways[0].clone(), "one", chat()),
        node(ways[1].clone(), "two", chat()),
    ];
    let mut fleet = Fleet { nodes };
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    for way in &ways {
        way.set_faults(Faults {
            frame_delay: Duration::from_secs(1)..Duration::from_millis(1001),
            ..Faults::default()
        });
    }
    let mid = ann.say(&mut fleet.nodes[0], "oops")["mid"].clone();
    let delete = json!({"op": "chat.delete", "room": "a", "mid": mid});
    ann.ack(&mut fleet.nodes[0], delete);
    let heard = fleet.find(1, &mut bob, "the message", |it| it["mid"] == mid);
    assert_eq!(
        (&heard["op"], &heard["d"]),
        (&json!("chat.msg"), &Value::Null)
    );
    let history = json!({"op": "chat.history", "room": "a"});
    let history = bob.ack(&mut fleet.nodes[1], history);
    assert_eq!(history["messages"][0]["deleted"], true);
}
