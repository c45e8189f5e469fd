//! Nobody loses what they wrote: logged out while away, and after a reload.

use crate::{browser::Browser, page::*};

const DRAFT: &str = "document.getElementById('text').value";

fn whisper_to(browser: &Browser, name: &str, text: &str) {
    browser.click(&format!("#players button[aria-label='Whisper to {name}']"));
    browser.expect_text("#room-title", &format!("Whispers with {name}"));
    say(browser, text);
    browser.expect_text("#messages", text);
}

#[test]
fn whoever_was_logged_out_while_away_logs_in_on_the_spot_and_goes_on() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    say(&bob, "See you tomorrow");
    ann.expect_text("#messages", "See you tomorrow");
    ann.expect_text("#players", "Bob");
    whisper_to(&ann, "Bob", "between us");
    ann.click("#rooms [data-conversation='room:lobby']");
    ann.type_into("#text", "What I wanted to say");

    let scene = scene.log_everybody_out(&ann);
    ann.expect_text("#relogin", "You are logged out");
    ann.expect_value("document.getElementById('relogin-name').value", "Ann");
    // It can be put off: everything is still there, and there is a way.
    ann.click("#relogin [data-cancel]");
    ann.expect_text("#out-title", "You are logged out");
    ann.expect_text("#messages", "See you tomorrow");
    ann.expect_value(DRAFT, "What I wanted to say");
    ann.expect_value("document.getElementById('send').disabled", true);
    ann.click("#out-retry");
    // A wrong password is said, and can be written anew at once.
    ann.type_into("#relogin-password", &format!("nonsense{ENTER}"));
    ann.expect_text("#relogin-error", "wrong");
    ann.expect_value("document.activeElement.id", "relogin-password");
    ann.press(&format!("{PASSWORD}{ENTER}"));
    ann.expect_text("#state", "Connected");
    ann.expect_value("document.getElementById('relogin').open", false);

    // The conversation goes on, with what was written.
    ann.expect_value(DRAFT, "What I wanted to say");
    ann.expect_text("#messages", "See you tomorrow");
    ann.expect_text("#rooms", "Bob");
    ann.wait_for_enabled("#send");
    ann.click("#send");
    ann.expect_value(DRAFT, "");
    // The other one had closed the lid: the page was loaded anew, and asks as well.
    bob.reload();
    bob.expect_text("#relogin", "You are logged out");
    bob.type_into("#relogin-password", &format!("{PASSWORD}{ENTER}"));
    bob.expect_text("#messages", "What I wanted to say");
    bob.click("#rooms [data-conversation^='to:']");
    bob.expect_text("#messages", "between us");
    drop(scene);
}

#[test]
fn whoever_logs_out_everywhere_is_at_the_door_and_their_log_in_is_over() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    let stored = ann.evaluate("JSON.parse(sessionStorage.getItem('lobby-session')).token");
    ann.click("#my-name");
    ann.click("#log-out-everywhere");
    ann.expect_text("#door-hint", "You are logged out everywhere.");
    ann.expect_value("document.querySelectorAll('dialog[open]').length", 0);
    let renewed = scene.lobby.post(
        "/api/token",
        stored.as_str().unwrap(),
        &serde_json::json!({}),
    );
    assert_eq!(renewed.status, 401);
    fill_in(&ann, "Ann", PASSWORD);
    ann.expect_text("#state", "Connected");
}

#[test]
fn another_account_can_be_used_instead_and_finds_nothing() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    ann.type_into("#text", "secret");
    let scene = scene.log_everybody_out(&ann);
    ann.expect_text("#relogin", "You are logged out");
    ann.click("#relogin-other");
    ann.expect_text("#door-title", "Log in");
    ann.click("#switch");
    fill_in(&ann, "Eve", PASSWORD);
    ann.expect_text("#state", "Connected");
    ann.expect_value(DRAFT, "");
    ann.expect_value("JSON.stringify(sessionStorage).includes('secret')", false);
    drop(scene);
}

#[test]
fn drafts_and_whispers_outlive_a_reload_but_not_a_log_out() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    ann.expect_text("#players", "Bob");
    whisper_to(&ann, "Bob", "psst, Bob");
    bob.expect_text("#rooms [data-conversation^='to:'] .unread", "1");
    ann.type_into("#text", "half a whisper");
    ann.click("#rooms [data-conversation='room:lobby']");
    ann.type_into("#text", "half a sentence");

    for browser in [&ann, &bob] {
        browser.reload();
        browser.expect_text("#state", "Connected");
    }
    ann.expect_value(DRAFT, "half a sentence");
    ann.click("#rooms [data-conversation^='to:']");
    ann.expect_text("#messages", "psst, Bob");
    ann.expect_value(DRAFT, "half a whisper");
    // It is still new to whom has not seen it.
    bob.expect_text("#rooms [data-conversation^='to:'] .unread", "1");
    bob.click("#rooms [data-conversation^='to:']");
    bob.expect_text("#messages", "psst, Bob");

    ann.click("#log-out");
    fill_in(&ann, "Ann", PASSWORD);
    ann.expect_text("#state", "Connected");
    ann.expect_value(DRAFT, "");
    let whispers = "document.querySelectorAll(\"#rooms [data-conversation^='to:']\").length";
    ann.expect_value(whispers, 0);
    ann.expect_value("JSON.stringify(sessionStorage).includes('psst')", false);
}

#[test]
fn what_waited_for_the_connection_is_not_lost_by_a_reload() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    let scene = scene.restart(&ann, false, || {
        ann.expect_text("#waiting", "Trying again in");
        say(&ann, "into the void");
        ann.expect_text("#lines", "Waits for the connection");
    });
    ann.reload();
    ann.expect_text("#state", "Connected");
    // Either it was said just before, or it can be said again.
    ann.expect_text("#messages", "into the void");
    drop(scene);
}
