//! What the house says looks like the house's, and what becomes of what one says.

use serde_json::json;

use crate::page::*;

#[test]
fn announcements_and_characters_never_look_like_a_player() {
    let Some(scene) = Scene::start() else { return };
    let ann = sign_up_tapped(&scene, "Ann");
    let imposter = scene.sign_up("Town Crier");
    say(&imposter, "I am the house");
    ann.expect_text(".message", "I am the house");
    let said = |from: serde_json::Value, mid: &str, text: &str| {
        let mut message = json!({ "op": "chat.msg", "room": "lobby", "seq": "SEQ", "mid": mid,
            "ts": 1_767_225_600_123_u64, "d": { "text": text } });
        if !from.is_null() {
            message["from"] = from;
        }
        hear(&ann, &message);
    };
    said(json!(null), "h-1", "The gates close at ten");
    ann.expect_text(".house[data-what='announcement']", "The gates close at ten");
    ann.expect_text(".house[data-what='announcement']", "Announcement");
    said(json!({ "name": "Rooster" }), "h-2", "cock-a-doodle-doo");
    ann.expect_text(".house[data-what='character']", "Rooster");
    ann.expect_text(".house[data-what='character']", "Game");
    let faces = "document.querySelectorAll('.house .avatar, .message .badge').length";
    ann.expect_value(faces, 0);
}

#[test]
fn a_notice_is_for_this_reader_and_says_so() {
    let Some(scene) = Scene::start() else { return };
    let ann = sign_up_tapped(&scene, "Ann");
    hear(
        &ann,
        &json!({ "op": "notice", "room": "lobby", "text": "You rolled a 6" }),
    );
    ann.expect_text(".house[data-what='notice']", "You rolled a 6");
    ann.expect_text(".house[data-what='notice']", "Only you see this");
    hear(
        &ann,
        &json!({ "op": "notice", "text": "Mind your words", "tone": "warning" }),
    );
    ann.expect_text(".house[data-tone='warning']", "Mind your words");
}

#[test]
fn a_message_is_on_its_way_then_said_then_stored() {
    let Some(scene) = Scene::start() else { return };
    let ann = sign_up_tapped(&scene, "Ann");
    // A server whose archive takes its time.
    ann.run(
        "window.rewrite = (message) => {
             if (message.op === 'ack' && message.mid) message.stored = false;
             return message.op === 'chat.stored' ? { op: 'beat' } : message;
         }",
    );
    say(&ann, "one");
    say(&ann, "two");
    let keeping =
        "[...document.querySelectorAll('.keeping')].map((it) => it.dataset.keeping).join()";
    ann.expect_value(keeping, "said,said");
    let title = "document.querySelector('.keeping').getAttribute('aria-label')";
    ann.expect_value(title, "Said, not stored yet");
    let number = ann.evaluate("window.lastSeq").as_u64().unwrap();
    hear(
        &ann,
        &json!({ "op": "chat.stored", "room": "lobby", "seq": number - 1 }),
    );
    ann.expect_value(keeping, "stored,said");
    hear(
        &ann,
        &json!({ "op": "chat.stored", "room": "lobby", "seq": number }),
    );
    ann.expect_value(keeping, "stored,stored");
    ann.expect_value(title, "Said and stored");

    // Without an archive nothing is said of it, and what the game answered was not said at all.
    ann.run(
        "window.rewrite = (message) => {
             if (message.op === 'ack' && message.mid) delete message.stored;
             return message.op === 'chat.stored' ? { op: 'beat' } : message;
         }",
    );
    say(&ann, "three");
    ann.expect_value(keeping, "stored,stored,");
    ann.run(
        "window.rewrite = (message) => {
             if (message.op === 'chat.msg') return { op: 'beat' };
             if (message.op === 'ack' && message.mid) return { op: 'ack', re: message.re, handled: true };
             return message;
         }",
    );
    say(&ann, "four");
    ann.expect_value(
        "document.querySelectorAll('[data-state=pending]').length",
        0,
    );
    assert_eq!(shown(&ann), "one|two|three");
}

#[test]
fn the_own_words_are_stored_where_there_is_an_archive() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    say(&ann, "for the books");
    ann.expect_value(
        "document.querySelector('.keeping')?.getAttribute('aria-label')",
        "Said and stored",
    );
}
