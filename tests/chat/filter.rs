//! A filter that thinks for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bevy_bouncer_chat::*;
use serde_json::json;

use crate::{support::*, talker::*};

/// Does what the words say.
#[derive(Clone, Default)]
struct Obedient(Arc<AtomicUsize>);

impl ChatFilter for Obedient {
    fn check<'a>(&'a self, draft: &'a Draft) -> FilterFuture<'a> {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            let (word, rest) = draft.text.split_once(' ').unwrap_or((&draft.text, ""));
            match word {
                "replace" => Verdict::Replace(format!("({rest})")),
                "drop" => Verdict::Drop,
                "panic" => panic!("as told"),
                "wait" => {
                    let time = rest.split(' ').next().unwrap().parse().unwrap();
                    tokio::time::sleep(Duration::from_millis(time)).await;
                    Verdict::Allow
                }
                "where" => Verdict::Replace(format!("{:?}", draft.room)),
                _ => Verdict::Allow,
            }
        })
    }
}

fn filtered(change: impl FnOnce(&mut ChatOptions)) -> (Game, Obedient) {
    let mut options = options();
    options.filter_deadline = Duration::from_secs(2);
    change(&mut options);
    let filter = Obedient::default();
    let plugin = ChatPlugin::new(options).unwrap().filter(filter.clone());
    (open(plugin), filter)
}

/// Lets a filter think for longer than others take on a busy machine.
fn patient(options: &mut ChatOptions) {
    options.filter_deadline = Duration::from_secs(10);
}

#[test]
fn a_filter_allows_replaces_and_drops_whispers_too() {
    let (mut game, _) = filtered(|_| ());
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "hello");
    ann.say(&mut game, "replace darn");
    ann.say(&mut game, "where");
    assert_eq!(ann.err(&mut game, said("drop it")), "refused");
    assert_eq!(ann.texts(&mut game), ["hello", "(darn)", "Some(\"a\")"]);
    ann.ack(&mut game, whispered("ann", "where"));
    assert_eq!(text_of(&ann.hear(&mut game, "chat.whisper")), "None");
    assert_eq!(ann.err(&mut game, whispered("ann", "drop")), "refused");
}

#[test]
fn messages_of_one_user_stay_in_order_and_do_not_wait_for_others() {
    let (mut game, _) = filtered(patient);
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    ann.send(said("wait 1500 first"));
    ann.send(said("wait 1 second"));
    ann.send(said("third"));
    ann.client.settle();
    bob.say(&mut game, "quick");
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(text_of(&bob.hear(&mut game, "chat.msg")));
    }
    assert_eq!(
        heard,
        ["quick", "wait 1500 first", "wait 1 second", "third"]
    );
}

#[test]
fn a_filter_that_hangs_or_panics_refuses_or_allows_as_it_is_told() {
    for (failure, expected) in [
        (FilterFailure::Refuse, "unavailable"),
        (FilterFailure::Allow, "said"),
    ] {
        let (mut game, _) = filtered(|options| {
            options.filter_deadline = Duration::from_millis(50);
            options.filter_failure = failure;
        });
        let mut ann = Talker::in_room(&mut game, "ann");
        for text in ["wait 60000", "panic"] {
            let answer = ann.ask(&mut game, said(text));
            let outcome = answer["code"].as_str().unwrap_or("said");
            assert_eq!(outcome, expected, "{failure:?} {text}");
        }
    }
}

#[test]
fn whoever_is_muted_meanwhile_is_not_heard() {
    let (mut game, _) = filtered(patient);
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    ann.send(json!({"op": "chat.send", "id": "x", "room": "a", "d": {"text": "wait 1500"}}));
    ann.client.settle();
    moderator.ack(&mut game, json!({"op": "mod.mute", "user": "ann"}));
    let answer = ann.find(&mut game, "answer", |it| it["re"] == "x");
    assert_eq!(answer["code"], "muted");
    assert_eq!(moderator.texts(&mut game), [""; 0]);
}

#[test]
fn a_message_that_is_sent_again_while_the_filter_thinks_is_said_once() {
    let (mut game, filter) = filtered(|_| ());
    let mut bob = Talker::in_room(&mut game, "bob");
    let ann = Talker::in_room(&mut game, "ann");
    let message = json!({"op": "chat.send", "id": "x", "room": "a", "d": {"text": "wait 700"}});
    let mut ann = ann;
    ann.send(message.clone());
    ann.client.settle();
    game.until("the filter thinks", |_| {
        filter.0.load(Ordering::Relaxed) == 1
    });
    drop(ann);
    game.until("ann is gone", |game| game.players() == 1);
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.ack(&mut game, message)["seq"], 1);
    assert_eq!(bob.texts(&mut game), ["wait 700"]);
    assert_eq!(filter.0.load(Ordering::Relaxed), 1);
}

#[test]
fn p09_only_so_many_messages_wait_for_the_filter() {
    let (mut game, _) = filtered(|options| options.filter_queue = 2);
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.send(said("wait 1500"));
    ann.send(said("wait 1500"));
    ann.client.settle();
    let answer = ann.ask(&mut game, said("one more"));
    assert_eq!(answer["code"], "unavailable");
    assert_eq!(answer["retry_ms"], 2000);
    while ann.heard.iter().filter(|it| it["op"] == "chat.msg").count() < 2 {
        ann.listen(&mut game);
    }
    ann.say(&mut game, "now");
}
