//! Words of the house for one reader alone.

use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{fleet::Fleet, support::*, talker::*};

fn tell(game: &mut Game, notice: Notice) {
    game.run(move |mut commands: Commands| commands.queue(notice.clone()));
}

#[test]
fn a_notice_is_read_in_all_sessions_of_one_user() {
    let mut game = with_sessions();
    let mut ann = Talker::join(&mut game, "ann");
    let mut ann_too = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    let player = game.entity_of("ann");
    let room = room(&mut game, "a");
    tell(&mut game, Notice::new(player, "psst"));
    tell(
        &mut game,
        Notice::new(user("ann"), "beware").warning().in_room(room),
    );
    // What can be joined by nobody is no room, and what is no player hears nothing.
    tell(&mut game, Notice::new(player, "nowhere").in_room(player));
    tell(&mut game, Notice::new(room, "nobody"));
    tell(&mut game, Notice::new(user("nobody"), "nobody"));
    for talker in [&mut ann, &mut ann_too] {
        let heard = talker.all(&mut game).into_iter();
        let notices: Vec<_> = heard.filter(|it| it["op"] == "notice").collect();
        let expected = [
            json!({"op": "notice", "text": "psst"}),
            json!({"op": "notice", "room": "a", "text": "beware", "tone": "warning"}),
            json!({"op": "notice", "text": "nowhere"}),
        ];
        assert_eq!(notices, expected);
    }
    assert!(bob.all(&mut game).iter().all(|it| it["op"] != "notice"));
}

#[test]
fn a_notice_reaches_the_user_on_another_node_and_precedes_the_end() {
    let mut fleet = Fleet::start(&bevy_bouncer::InProcessBackplane::new());
    let mut ann = Talker::join(&mut fleet.nodes[1], "ann");
    tell(&mut fleet.nodes[0], Notice::new(user("ann"), "from afar"));
    let notice = fleet.find(1, &mut ann, "notice", |it| it["op"] == "notice");
    assert_eq!(notice, json!({"op": "notice", "text": "from afar"}));
    // Who is sent away in the same tick has read it.
    let player = fleet.nodes[1].entity_of("ann");
    tell(&mut fleet.nodes[1], Notice::new(player, "goodbye"));
    fleet.nodes[1].disconnect(player, bevy_bouncer::DisconnectReason::Finished);
    assert_eq!(ann.close(&mut fleet.nodes[1]).0, 4411);
    assert_eq!(ann.heard.last().unwrap()["text"], "goodbye");
}
