//! Writing: commands, lengths, line breaks, and what was refused.

use crate::{browser::Browser, page::*};

const FIELD: &str = "document.getElementById('text').value";

/// Puts a text into the field, as somebody does who pastes it.
fn paste(browser: &Browser, text: &str) {
    let text = serde_json::to_string(text).unwrap();
    browser.run(&format!(
        "const field = document.getElementById('text');
         field.focus();
         field.value = {text};
         field.dispatchEvent(new Event('input', {{ bubbles: true }}));"
    ));
}

#[test]
fn commands_do_what_they_say_and_an_unknown_one_is_not_said() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob Lee"));
    let eve = scene.sign_up("Eve");
    ann.expect_text("#players", "Bob Lee");
    ann.expect_text("#players", "Eve");

    // What is not known is not said, and not lost.
    say(&ann, "/wisper Eve hi");
    ann.expect_text("#composer-error", "no command /wisper");
    ann.expect_value(FIELD, "/wisper Eve hi");
    ann.expect_value("document.activeElement.id", "text");
    ann.clear("#text");
    say(&ann, "/w Nobody hi");
    ann.expect_text("#composer-error", "Nobody here is called Nobody");
    ann.expect_value(FIELD, "/w Nobody hi");
    paste(&ann, "/help");
    ann.expect_no_text("#composer-error", "Nobody");
    ann.press(ENTER);
    ann.expect_text(".house[data-what='notice']", "/w name text");

    say(&ann, "/me waves at @Eve");
    eve.expect_text(".words.action", "Ann waves at @Eve");
    say(&ann, "//help is a command");
    eve.expect_text("#messages", "/help is a command");
    say(&ann, "//me is one, too");
    eve.expect_text("#messages", "/me is one, too");
    eve.expect_value("document.querySelectorAll('.words.action').length", 1);

    // Whispers: one word, quotes, a name that is known, and from a list.
    let whispers = "#rooms [data-conversation^='to:']";
    say(&eve, "/w ann just for you");
    eve.expect_text("#room-title", "Whispers with Ann");
    ann.click(whispers);
    ann.expect_text("#messages", "just for you");
    eve.click("#rooms [data-conversation='room:lobby']");
    say(&eve, "/w \"Bob Lee\" one");
    eve.expect_text("#room-title", "Whispers with Bob Lee");
    say(&eve, "/w Bob Lee two");
    eve.type_into("#text", "/w bo");
    eve.expect_text("#completions", "Bob Lee");
    eve.press(ENTER);
    eve.expect_value(FIELD, "/w \"Bob Lee\" ");
    eve.press(&format!("three{ENTER}"));
    bob.click(whispers);
    bob.expect_text("#messages", "three");
    assert_eq!(shown(&bob), "one|two|three");
    assert!(!shown(&ann).contains("two"));
}

#[test]
fn the_length_is_counted_as_the_server_counts_and_nothing_is_cut() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    let counter = "document.getElementById('counter')";
    let disabled = "document.getElementById('send').disabled";
    paste(&ann, &"a".repeat(400));
    ann.expect_value(&format!("{counter}.hidden"), true);
    // 500 of what takes two units each in a script, and four bytes.
    paste(&ann, &"🎉".repeat(500));
    ann.expect_text("#counter", "0 left");
    ann.expect_value(disabled, false);
    paste(&ann, &"🎉".repeat(501));
    ann.expect_text("#counter", "1 character too many");
    ann.expect_value(disabled, true);
    ann.press(ENTER);
    ann.expect_value(&format!("[...{FIELD}].length"), 501);
    paste(&ann, &format!("/me {}", "é".repeat(496)));
    ann.expect_text("#counter", "0 left");
    paste(&ann, &"🎉".repeat(500));
    ann.press(ENTER);
    ann.expect_text("#messages", &"🎉".repeat(500));
    ann.expect_value("document.querySelectorAll('[data-state=failed]').length", 0);
}

#[test]
fn lines_break_where_they_were_broken() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    let height = "document.getElementById('text').offsetHeight";
    let low = ann.evaluate(height).as_u64().unwrap();
    ann.type_into("#text", &format!("roses{LINE_BREAK}"));
    ann.type_into("#text", "violets");
    ann.expect_value(&format!("{height} > {low}"), true);
    ann.press(ENTER);
    ann.expect_value(height, low);
    bob.expect_text("#messages", "roses\nviolets");
}

#[test]
fn what_was_refused_can_be_mended_and_what_was_said_brought_back() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    paste(&ann, "left\u{202e}right");
    ann.press(ENTER);
    ann.expect_text("[data-state='failed']", "not allowed");
    ann.type_into("#text", "and more");
    ann.click("[data-state='failed'] .edit");
    ann.expect_value(FIELD, "left\u{202e}right\nand more");
    ann.expect_value("document.activeElement.id", "text");
    ann.expect_value("document.querySelectorAll('[data-state=failed]').length", 0);
    ann.clear("#text");
    say(&ann, "left and right");
    ann.expect_text("#messages", "left and right");

    // The arrow up goes back through what was said.
    say(&ann, "/me nods");
    ann.expect_text("#messages", "Ann nods");
    ann.press(UP);
    ann.expect_value(FIELD, "/me nods");
    ann.press(UP);
    ann.expect_value(FIELD, "left and right");
    ann.press("!");
    ann.press(UP);
    ann.expect_value(FIELD, "left and right!");
}

#[test]
fn a_refused_log_in_puts_the_focus_where_it_can_be_mended() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    let door = scene.open();
    fill_in(&door, "Ann", "not the password");
    door.expect_text("#door-error", "wrong");
    door.expect_value("document.activeElement.id", "password");
    door.click("#switch");
    door.clear("#name");
    door.clear("#password");
    fill_in(&door, "ann", PASSWORD);
    door.expect_text("#door-error", "taken");
    door.expect_value("document.activeElement.id", "name");
    door.click("[data-reveals='password']");
    door.expect_value("document.getElementById('password').type", "text");
    door.click("#enter");
    door.expect_value("document.getElementById('password').type", "password");
    drop(ann);
}
