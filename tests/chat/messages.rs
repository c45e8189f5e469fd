//! What players say.

use std::time::Duration;

use bevy_bouncer::{MessageOptions, Outbox};
use bevy_bouncer_chat::RoomRules;
use serde_json::{Value, json};

use crate::{support::*, talker::*};

#[test]
fn p03_a_message_is_from_whom_the_server_says() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    let mut forged = said("  hi  ");
    for (field, value) in [
        ("from", json!({"id": "bob", "name": "Bob"})),
        ("seq", json!(99)),
        ("ts", json!(1)),
        ("mid", json!("mine")),
    ] {
        forged[field] = value.clone();
        forged["d"][field] = value;
    }
    let ack = ann.ack(&mut game, forged);
    let heard = bob.hear(&mut game, "chat.msg");
    assert_eq!(
        heard,
        json!({
            "op": "chat.msg", "room": "a", "seq": 1, "mid": ack["mid"], "ts": ack["ts"],
            "from": {"id": "ann", "name": "Name of ann"}, "d": {"text": "hi"},
        })
    );
    let now = unix_now() * 1000;
    assert!(heard["ts"].as_u64().unwrap().abs_diff(now) < 60_000);
    // The sender hears it too.
    assert_eq!(ann.hear(&mut game, "chat.msg"), heard);
}

#[test]
fn p10_a_rooms_messages_are_counted_without_a_gap() {
    let mut game = start();
    let mut talkers: Vec<_> = ["ann", "bob", "eve"]
        .iter()
        .map(|name| Talker::in_room(&mut game, name))
        .collect();
    for number in 0..20 {
        for talker in &mut talkers {
            talker.send(said(&number.to_string()));
        }
    }
    let numbers = |talker: &mut Talker, game: &mut Game| {
        let mut seen = Vec::new();
        while seen.len() < 60 {
            seen.push(talker.hear(game, "chat.msg")["seq"].as_u64().unwrap());
        }
        seen
    };
    for talker in &mut talkers {
        let in_order: Vec<u64> = (1..=60).collect();
        assert_eq!(numbers(talker, &mut game), in_order);
    }
}

#[test]
fn a_message_that_is_sent_again_is_said_once() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    let mut message = said("once");
    message["id"] = json!("m1");
    let first = ann.ack(&mut game, message.clone());
    assert_eq!(ann.ack(&mut game, message.clone()), first);
    // Through another connection too, whether it is in the room or not.
    drop(ann);
    game.until("ann is gone", |game| game.players() == 1);
    let mut ann = Talker::join(&mut game, "ann");
    assert_eq!(ann.ack(&mut game, message.clone()), first);
    assert_eq!(bob.texts(&mut game), ["once"]);
    // Somebody else's id is another one.
    assert_ne!(bob.ack(&mut game, message), first);
    let mut whisper = whispered("bob", "psst");
    whisper["id"] = json!("m2");
    let first = ann.ack(&mut game, whisper.clone());
    assert_eq!(ann.ack(&mut game, whisper), first);
    let whispers = bob.all(&mut game);
    let whispers = whispers.iter().filter(|it| it["op"] == "chat.whisper");
    assert_eq!(whispers.count(), 1);
}

#[test]
fn what_was_refused_may_be_tried_again_with_the_same_id() {
    let mut game = chat(|options| options.burst = 1);
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "one");
    let mut message = said("two");
    message["id"] = json!("again");
    let wait = ann.ask(&mut game, message.clone())["retry_ms"]
        .as_u64()
        .unwrap();
    let start = std::time::Instant::now();
    game.until("the wait is over", |_| {
        start.elapsed() > Duration::from_millis(wait)
    });
    assert_eq!(ann.ack(&mut game, message)["seq"], 2);
}

#[test]
fn history_is_read_page_by_page_and_a_gap_is_filled() {
    let mut game = chat(|options| {
        options.history = 8;
        options.history_page = 3;
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    for number in 1..=10 {
        ann.say(&mut game, &number.to_string());
    }
    let mut bob = Talker::join(&mut game, "bob");
    let answer = bob.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    let page = |answer: &Value| {
        let messages = answer["messages"].as_array().unwrap();
        let texts: Vec<_> = messages.iter().map(text_of).collect();
        (texts.join(" "), answer["more"].as_bool().unwrap())
    };
    assert_eq!(page(&answer), ("8 9 10".into(), true));
    assert_eq!(answer["seq"], 10);
    let mut ask = |range: Value| {
        let mut request = json!({"op": "chat.history", "room": "a"});
        request
            .as_object_mut()
            .unwrap()
            .extend(range.as_object().unwrap().clone());
        page(&bob.ack(&mut game, request))
    };
    assert_eq!(ask(json!({"before": 8})), ("5 6 7".into(), true));
    assert_eq!(ask(json!({"before": 5})), ("3 4".into(), false));
    assert_eq!(ask(json!({"after": 4, "before": 7})), ("5 6".into(), false));
    assert_eq!(ask(json!({"after": 4})), ("5 6 7".into(), true));
    assert_eq!(ask(json!({"after": 0})), ("3 4 5".into(), true));
}

#[test]
fn a_whisper_is_heard_by_two_users_in_all_their_sessions() {
    let mut game = with_sessions();
    let mut ann = Talker::join(&mut game, "ann");
    let mut ann_too = Talker::join(&mut game, "ann");
    let mut bob = Talker::join(&mut game, "bob");
    let mut bob_too = Talker::join(&mut game, "bob");
    let mut eve = Talker::join(&mut game, "eve");
    let ack = ann.ack(&mut game, whispered("bob", "psst"));
    for talker in [&mut ann, &mut ann_too, &mut bob, &mut bob_too] {
        let whisper = talker.hear(&mut game, "chat.whisper");
        assert_eq!(whisper["mid"], ack["mid"]);
        assert_eq!(whisper["to"], json!({"id": "bob", "name": "Name of bob"}));
    }
    assert!(
        eve.all(&mut game)
            .iter()
            .all(|it| it["op"] != "chat.whisper")
    );
    let nobody = whispered("nobody", "psst");
    assert_eq!(eve.err(&mut game, nobody), "unknown_user");
}

#[test]
fn text_is_checked() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    for (text, code) in [
        ("", "empty_text"),
        (" \n\t ", "empty_text"),
        (&"é".repeat(501), "text_too_long"),
        ("a\u{202e}b", "forbidden_characters"),
        ("a\u{7}b", "forbidden_characters"),
    ] {
        assert_eq!(ann.err(&mut game, said(text)), code);
        assert_eq!(ann.err(&mut game, whispered("ann", text)), code);
    }
    ann.say(&mut game, &"é".repeat(500));
    ann.say(&mut game, "<b>two\nlines</b>");
}

#[test]
fn deleted_words_leave_their_place() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    let mid = ann.say(&mut game, "oops")["mid"].clone();
    ann.say(&mut game, "fine");
    let delete = json!({"op": "chat.delete", "room": "a", "mid": mid});
    assert_eq!(bob.err(&mut game, delete.clone()), "forbidden");
    ann.ack(&mut game, delete.clone());
    ann.ack(&mut game, delete);
    let deleted = bob.hear(&mut game, "chat.deleted");
    assert_eq!(
        deleted,
        json!({"op": "chat.deleted", "room": "a", "seq": 1, "mid": mid})
    );
    let mut eve = Talker::join(&mut game, "eve");
    let answer = eve.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    let first = &answer["messages"][0];
    assert_eq!(
        (&first["deleted"], &first["d"], &first["seq"]),
        (&json!(true), &Value::Null, &json!(1))
    );
    assert_eq!(text_of(&answer["messages"][1]), "fine");
    let unknown = json!({"op": "chat.delete", "room": "a", "mid": "nothing"});
    assert_eq!(ann.err(&mut game, unknown), "unknown_message");
}

#[test]
fn somebody_writes_but_not_all_the_time() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    for _ in 0..5 {
        ann.ack(&mut game, json!({"op": "chat.typing", "room": "a"}));
    }
    let typing = |heard: Vec<Value>| heard.iter().filter(|it| it["op"] == "chat.typing").count();
    assert_eq!(typing(bob.all(&mut game)), 1);
    // Whoever has spoken may begin anew.
    ann.say(&mut game, "there");
    ann.ack(&mut game, json!({"op": "chat.typing", "room": "a"}));
    assert_eq!(typing(bob.all(&mut game)), 1);
    // Whoever could not say it is not shown.
    let room = room(&mut game, "a");
    ann.say(&mut game, "there");
    game.world().get_mut::<RoomRules>(room).unwrap().is_frozen = true;
    ann.ack(&mut game, json!({"op": "chat.typing", "room": "a"}));
    assert_eq!(typing(bob.all(&mut game)), 0);
    game.world().get_mut::<RoomRules>(room).unwrap().is_frozen = false;
    ann.ack(&mut game, json!({"op": "chat.typing", "room": "a"}));
    assert_eq!(typing(bob.all(&mut game)), 1);
}

#[test]
fn whoever_is_too_fast_waits_longer_each_time_and_whispers_count() {
    let mut game = chat(|options| options.burst = 2);
    let mut ann = Talker::in_room(&mut game, "ann");
    ann.say(&mut game, "one");
    ann.ack(&mut game, whispered("ann", "two"));
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let answer = ann.ask(&mut game, said("three"));
            assert_eq!(answer["code"], "rate_limited");
            answer["retry_ms"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(waits, [1000, 2000, 4000]);
    // Coming back does not help.
    drop(ann);
    game.until("ann is gone", |game| game.players() == 0);
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.ask(&mut game, said("four"))["retry_ms"], 8000);
}

#[test]
fn p09_other_requests_have_a_pace_too() {
    let mut game = chat(|options| {
        options.requests_burst = 3;
        options.requests_per_second = 0.1;
    });
    let mut ann = Talker::join(&mut game, "ann");
    for _ in 0..3 {
        ann.ack(&mut game, json!({"op": "room.list"}));
    }
    let answer = ann.ask(&mut game, json!({"op": "room.list"}));
    assert_eq!(answer["code"], "rate_limited");
    assert!(answer["retry_ms"].as_u64().unwrap() <= 10_000);
}

#[test]
fn p09_answers_have_a_size_too() {
    let mut game = chat(|options| {
        options.answer_bytes = 1000;
        options.answer_bytes_per_second = 1;
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    for _ in 0..3 {
        ann.say(&mut game, &"x".repeat(400));
    }
    let mut bob = Talker::in_room(&mut game, "bob");
    for request in [
        json!({"op": "room.join", "room": "a"}),
        json!({"op": "chat.history", "room": "a"}),
        json!({"op": "room.list"}),
    ] {
        let answer = bob.ask(&mut game, request);
        assert_eq!(answer["code"], "rate_limited", "{answer}");
        assert!(answer["retry_ms"].as_u64().unwrap() > 100_000);
    }
    // What has no long answer is not refused.
    bob.say(&mut game, "hi");
    bob.ack(&mut game, json!({"op": "room.leave", "room": "a"}));
}

#[test]
fn p11_whoever_gets_no_answer_for_want_of_room_begins_anew() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    ann.send(json!({"op": "room.list", "id": "lost"}));
    let deadline = std::time::Instant::now() + PATIENCE;
    while ann.closed.is_none() {
        assert!(std::time::Instant::now() < deadline);
        let fill = |mut outbox: Outbox| {
            for bytes in [100_000, 1000, 10] {
                while outbox.send_to([], "x".repeat(bytes)).is_ok() {}
            }
        };
        game.world().run_system_cached(fill).unwrap();
        ann.listen(&mut game);
    }
    assert_eq!(ann.closed.take().unwrap().0, 4006);
    bob.say(&mut game, "still here");
}

#[test]
fn p11_nonsense_is_answered_and_too_much_of_it_ends_the_connection() {
    let mut game = start();
    let mut bob = Talker::in_room(&mut game, "bob");
    let mut ann = Talker::join(&mut game, "ann");
    assert_eq!(ann.err(&mut game, json!({"op": "fly"})), "unknown_op");
    assert_eq!(
        ann.err(&mut game, json!({"op": "chat.send"})),
        "bad_request"
    );
    ann.client.send("not JSON");
    let answer = ann.hear(&mut game, "err");
    assert_eq!(answer, json!({"op": "err", "code": "bad_request"}));
    ann.ack(&mut game, json!({"op": "room.list", "unknown": ["field"]}));
    let left = MessageOptions::default().errors - 3;
    for _ in 0..left {
        ann.send(json!({"op": "fly"}));
    }
    let (code, reason) = ann.close(&mut game);
    assert_eq!((code, reason.as_str()), (4400, "bad_protocol"));
    // Every one was answered before that.
    assert_eq!(ann.heard.len(), left);
    bob.say(&mut game, "quiet again");
}

#[test]
fn a_binary_message_is_the_games() {
    let mut game = start();
    let mut ann = Talker::join(&mut game, "ann");
    let bytes = tokio_tungstenite::tungstenite::Message::binary(vec![1, 2, 3]);
    ann.client.socket.send(bytes).unwrap();
    game.until("the game has it", |game| !game.seen().frames.is_empty());
    assert!(ann.all(&mut game).iter().all(|it| it["op"] != "err"));
}
