//! What is shown to others can be seen, and changes nothing around it, whoever says it.

use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{support::*, talker::*};

/// Text in which there is nothing to see.
const UNSEEN: [&str; 7] = [
    "\u{200b}",
    "\u{2060}\u{3164}",
    "\u{2800}",
    "\u{e0041}\u{e007f}",
    "\u{301}\u{302}",
    "\u{200d}\u{fe0f}",
    "\u{2068} \u{2069}",
];

#[test]
fn text_that_nobody_can_see_is_no_message() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    for text in UNSEEN {
        assert_eq!(ann.err(&mut game, said(text)), "empty_text", "{text:?}");
        let whisper = whispered("ann", text);
        assert_eq!(ann.err(&mut game, whisper), "empty_text", "{text:?}");
    }
    let breaks = format!("a{}b", "\n".repeat(20));
    assert_eq!(ann.err(&mut game, said(&breaks)), "text_too_long");
    for text in ["a\u{202d}b", "a\u{2068}b", "a\u{2029}b", "a\u{fff9}b"] {
        assert_eq!(ann.err(&mut game, said(text)), "forbidden_characters");
    }
    ann.say(&mut game, "d\u{200b}a\u{2060}r\u{ad}n");
    ann.say(
        &mut game,
        "👩🏽\u{200d}🚀 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    );
    ann.say(&mut game, "می\u{200c}خواهم");
    let heard = ann.texts(&mut game);
    let flag = "👩🏽\u{200d}🚀 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
    assert_eq!(heard, ["darn", flag, "می\u{200c}خواهم"]);
}

#[test]
fn the_lines_of_a_message_have_a_limit_that_clients_are_told() {
    let mut game = chat(|options| options.text_lines = 2);
    let mut ann = Talker::arrive(&mut game, "ann");
    let hello = ann.hear(&mut game, "hello");
    assert_eq!(hello["limits"]["text_lines"], 2);
    ann.ack(&mut game, json!({"op": "room.join", "room": "a"}));
    ann.say(&mut game, "\n\none\ntwo\n");
    assert_eq!(ann.err(&mut game, said("1\n2\n3")), "text_too_long");
    assert_eq!(ann.texts(&mut game), ["one\ntwo"]);
}

#[test]
fn a_name_is_shown_without_what_turns_text_around() {
    let people = People::default();
    people.write("ann", "A\u{202e}nn\u{200b}\n", &[]);
    people.write("bob", "\u{3164}", &[]);
    let chat = ChatPlugin::new(options()).unwrap();
    let mut game = open_for(people, config(), chat);
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut bob = Talker::in_room(&mut game, "bob");
    ann.say(&mut game, "hi");
    assert_eq!(bob.hear(&mut game, "chat.msg")["from"]["name"], "Ann");
    bob.say(&mut game, "hi");
    let by_bob = ann.find(&mut game, "bob's", |it| it["from"]["id"] == "bob");
    assert_eq!(by_bob["from"]["name"], "bob");
}

#[test]
fn moderators_reasons_are_shown_in_a_line() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mute = json!({"op": "mod.mute", "user": "ann", "reason": "calm\u{202e}\ndown\u{200b}"});
    moderator.ack(&mut game, mute);
    assert_eq!(ann.hear(&mut game, "muted")["reason"], "calm down");
    let mute = json!({"op": "mod.mute", "user": "ann", "reason": "\u{3164}"});
    moderator.ack(&mut game, mute);
    assert_eq!(ann.hear(&mut game, "muted").get("reason"), None);
    let kick = json!({"op": "mod.kick", "user": "ann", "reason": "\u{2066}be nice"});
    moderator.ack(&mut game, kick);
    assert_eq!(ann.close(&mut game), (4004, "kicked: be nice".to_owned()));
}

/// Says what the words say.
struct Echo;

impl ChatFilter for Echo {
    fn check<'a>(&'a self, draft: &'a Draft) -> FilterFuture<'a> {
        let by = match draft.text.as_str() {
            "unseen" => "\u{200b}".to_owned(),
            "turned" => "a\u{202e}b".to_owned(),
            "long" => "x".repeat(600),
            "lines" => "x\n".repeat(100),
            _ => return Box::pin(async { Verdict::Allow }),
        };
        Box::pin(async { Verdict::Replace(by) })
    }
}

#[test]
fn what_a_filter_or_the_game_says_instead_keeps_the_rules() {
    let plugin = ChatPlugin::new(options()).unwrap().filter(Echo);
    let mut game = open(plugin);
    game.app.add_observer(|mut speaking: On<Speaking>| {
        if let Some(text) = speaking.text().strip_prefix("game ") {
            let text = text
                .replace("unseen", "\u{3164}")
                .replace("turned", "c\u{202e}d");
            speaking.replace(text);
        }
    });
    let mut ann = Talker::in_room(&mut game, "ann");
    assert_eq!(ann.err(&mut game, said("unseen")), "refused");
    assert_eq!(ann.err(&mut game, whispered("ann", "unseen")), "refused");
    assert_eq!(ann.err(&mut game, said("game unseen")), "refused");
    for text in ["turned", "long", "lines", "game turned"] {
        ann.say(&mut game, text);
    }
    let lines = "x\n".repeat(20);
    let texts = ["ab", &"x".repeat(500), lines.trim(), "cd"];
    assert_eq!(ann.texts(&mut game), texts);
}

#[test]
fn announcements_keep_the_rules_and_those_without_anything_to_see_are_not_made() {
    let mut game = start();
    let mut ann = Talker::in_room(&mut game, "ann");
    let room = room(&mut game, "a");
    for (name, text) in [
        (None, "\u{200b}"),
        (Some("\u{202e}"), "cock-a-doodle-doo"),
        (Some("Roo\u{2066}ster\n"), "cock-a-doodle-doo\u{202e}"),
        (None, "dawn\u{200b}"),
    ] {
        let (name, text) = (name.map(str::to_owned), text.to_owned());
        game.world()
            .write_message(Announcement { room, name, text });
    }
    let first = ann.hear(&mut game, "chat.msg");
    assert_eq!(
        (&first["from"]["name"], &first["seq"]),
        (&json!("Rooster"), &json!(1))
    );
    assert_eq!(text_of(&first), "cock-a-doodle-doo");
    assert_eq!(text_of(&ann.hear(&mut game, "chat.msg")), "dawn");
}

#[test]
fn a_room_whose_name_cannot_be_shown_cannot_be_joined() {
    let mut game = start();
    for name in ["c\u{200b}", "\u{202e}c", " c", "\u{3164}"] {
        game.world().spawn(Room::open(name));
    }
    let mut ann = Talker::join(&mut game, "ann");
    for name in ["c\u{200b}", "\u{202e}c", " c", "\u{3164}"] {
        let join = json!({"op": "room.join", "room": name});
        assert_eq!(ann.err(&mut game, join), "unknown_room", "{name:?}");
    }
    let rooms = ann.ack(&mut game, json!({"op": "room.list"}))["rooms"].clone();
    assert_eq!(rooms.as_array().unwrap().len(), 2);
}
