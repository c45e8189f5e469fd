//! Commands that the game answers: nothing is said, and the player alone hears the answer.

use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};

use crate::{fleet::Fleet, support::*, talker::*};

/// How often dice were rolled.
#[derive(Resource, Default)]
struct Rolls(u32);

fn roll(mut speaking: On<Speaking>, mut rolls: ResMut<Rolls>, mut commands: Commands) {
    match speaking.text() {
        "/roll" => {
            rolls.0 += 1;
            speaking.handled(format!("roll number {}", rolls.0));
            speaking.handled("too late");
            assert!(speaking.is_handled());
        }
        "/quiet" => speaking.handled(""),
        "/no" => {
            speaking.handled("never told");
            speaking.refuse();
        }
        "/notice" => {
            commands.queue(Notice::new(speaking.player(), "on the way"));
            speaking.handled("done");
        }
        _ => {}
    }
}

fn with_dice(game: &mut Game) {
    game.app.init_resource::<Rolls>().add_observer(roll);
}

/// What this player hears of a request, in its order, without the id.
fn outcome(talker: &mut Talker, game: &mut Game, mut request: Value) -> Vec<Value> {
    talker.all(game);
    let id = request["id"].clone();
    let id = if id.is_null() { json!("asked") } else { id };
    request["id"] = id.clone();
    talker.send(request);
    talker.client.settle();
    let mut heard = talker.all(game);
    for message in &mut heard {
        if message["re"] == id {
            message.as_object_mut().unwrap().remove("re");
        }
    }
    heard
}

fn handled() -> Value {
    json!({"op": "ack", "room": "a", "handled": true})
}

fn notice(text: &str) -> Value {
    json!({"op": "notice", "room": "a", "text": text})
}

#[test]
fn the_answer_to_a_command_is_for_the_player_alone_and_comes_before_the_ack() {
    let mut game = start();
    with_dice(&mut game);
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    bob.all(&mut game);
    let heard = outcome(&mut ann, &mut game, said("/roll"));
    assert_eq!(heard, [notice("roll number 1"), handled()]);
    let mut quiet = said("/quiet");
    quiet["id"] = json!("quiet");
    assert_eq!(outcome(&mut ann, &mut game, quiet.clone()), [handled()]);
    assert_eq!(outcome(&mut ann, &mut game, quiet), [handled()]);
    assert_eq!(ann.err(&mut game, said("/no")), "refused");
    // What the game says meanwhile comes at its place.
    let mut request = said("/notice");
    request["id"] = json!("notice");
    let heard = outcome(&mut ann, &mut game, request);
    let on_the_way = json!({"op": "notice", "text": "on the way"});
    assert_eq!(heard, [on_the_way, notice("done"), handled()]);
    // Nothing was said, and the room has no gap.
    let heard = bob.all(&mut game);
    assert!(heard.is_empty(), "{heard:?}");
    assert_eq!(ann.say(&mut game, "hi")["seq"], 1);
    // Without an id the answer is all there is.
    ann.all(&mut game);
    ann.send(said("/roll"));
    ann.client.settle();
    assert_eq!(ann.all(&mut game), [notice("roll number 2")]);
}

#[test]
fn a_command_that_is_sent_again_is_done_once_and_answered_again() {
    let mut game = start();
    with_dice(&mut game);
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut request = said("/roll");
    request["id"] = json!("d1");
    let expected = [notice("roll number 1"), handled()];
    assert_eq!(outcome(&mut ann, &mut game, request.clone()), expected);
    assert_eq!(outcome(&mut ann, &mut game, request.clone()), expected);
    drop(ann);
    game.until("ann is gone", |game| game.players() == 0);
    let mut ann = Talker::join(&mut game, "ann");
    assert_eq!(outcome(&mut ann, &mut game, request), expected);
    assert_eq!(game.world().resource::<Rolls>().0, 1);
}

#[test]
fn a_command_costs_as_much_as_a_message_but_no_pause_of_slow_mode() {
    let mut game = chat(|options| options.burst = 2);
    with_dice(&mut game);
    let slow = std::time::Duration::from_secs(60);
    let entity = room(&mut game, "a");
    game.world().get_mut::<RoomRules>(entity).unwrap().slow_mode = Some(slow);
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.ack(&mut game, said("/roll"));
    ann.say(&mut game, "hi");
    assert_eq!(ann.err(&mut game, said("/roll")), "slow_mode");
    let mut bob = Talker::in_room(&mut game, "bob");
    bob.ack(&mut game, said("/roll"));
    bob.ack(&mut game, said("/roll"));
    assert_eq!(bob.err(&mut game, said("/roll")), "rate_limited");
}

#[test]
fn a_command_that_is_sent_again_to_another_node_is_not_done_there() {
    let mut fleet = Fleet::start(&bevy_bouncer::InProcessBackplane::new());
    fleet.nodes.iter_mut().for_each(with_dice);
    let mut ann = Talker::in_room(&mut fleet.nodes[0], "ann");
    let mut request = said("/roll");
    request["id"] = json!("d1");
    let expected = [notice("roll number 1"), handled()];
    assert_eq!(
        outcome(&mut ann, &mut fleet.nodes[0], request.clone()),
        expected
    );
    // What is said later comes there later.
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    let mid = ann.say(&mut fleet.nodes[0], "hi")["mid"].clone();
    fleet.find(1, &mut bob, "hi", |it| it["mid"] == mid);
    drop(ann);
    fleet.nodes[0].until("ann is gone", |game| game.players() == 0);
    let mut ann = Talker::in_room(&mut fleet.nodes[1], "ann");
    assert_eq!(outcome(&mut ann, &mut fleet.nodes[1], request), expected);
    assert_eq!(fleet.nodes[1].world().resource::<Rolls>().0, 0);
}
