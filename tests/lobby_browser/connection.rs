//! The connection comes and goes, and the page says so.

use crate::page::*;

#[test]
fn after_a_restart_everything_goes_on_without_losses_and_duplicates() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    say(&ann, "one");
    bob.expect_text("#messages", "one");
    // The server goes, and the page says so. What is written meanwhile waits.
    let scene = scene.restart(&ann, false, || {
        ann.expect_text("#waiting", "Trying again in");
        bob.expect_text("#state", "Trying again");
        say(&ann, "two");
        ann.expect_text("#lines", "Waits for the connection");
    });
    ann.expect_text("#state", "Connected");
    bob.expect_text("#state", "Connected");
    bob.expect_text("#messages", "two");
    say(&bob, "three");
    for browser in [&ann, &bob] {
        browser.expect_text("#messages", "three");
        assert_eq!(shown(browser), "one|two|three");
    }
    bob.reload();
    bob.expect_text("#messages", "three");
    assert_eq!(shown(&bob), "one|two|three");

    // It even finds the door when that has moved.
    let before = ws_port(&ann);
    let scene = scene.restart(&ann, true, || {
        ann.expect_text("#waiting", "Trying again in")
    });
    ann.expect_text("#state", "Connected");
    assert_ne!(ws_port(&ann), before);
    ann.expect_text("#messages", "three");
    drop(scene);
}

#[test]
fn a_token_is_renewed_without_being_seen() {
    let Some(scene) = Scene::start_with(&["--token-seconds", "8"]) else {
        return;
    };
    let ann = scene.sign_up("Ann");
    let stored = "JSON.parse(sessionStorage.getItem('lobby-session')).token";
    let first = ann.evaluate(stored);
    // Every state that the page goes through.
    ann.evaluate(
        "(window.states = [], new MutationObserver(() => states.push(document.getElementById('state').textContent.trim()))\
         .observe(document.getElementById('state'), { childList: true, subtree: true, characterData: true, attributes: true }), 0)",
    );
    let renewals = "performance.getEntriesByType('resource').filter(it => it.name.endsWith('/api/token')).length";
    let renewed = |times: u64| format!("{renewals} >= {times}");
    ann.expect_value(&renewed(1), true);
    ann.expect_value(&format!("{stored} !== {first}"), true);
    // Longer than any one token lasts.
    ann.expect_value(&renewed(3), true);
    say(&ann, "still here");
    ann.expect_text("#messages", "still here");
    ann.expect_value("states.filter(it => !it.includes('Connected')).length", 0);
    let upgrades = "performance.getEntriesByType('resource').filter(it => it.name.endsWith('/preflight')).length";
    assert_eq!(ann.evaluate(upgrades), 0);
}

#[test]
fn whoever_opens_the_lobby_elsewhere_and_whoever_is_disabled_reads_so() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    let elsewhere = scene.open();
    fill_in(&elsewhere, "Ann", PASSWORD);
    elsewhere.expect_text("#state", "Connected");
    ann.expect_text("#out-words", "You opened the lobby somewhere else");
    ann.expect_text("#state", "Not connected");
    let stored = "JSON.parse(sessionStorage.getItem('lobby-session')).user.id";
    scene
        .lobby
        .disable(elsewhere.evaluate(stored).as_str().unwrap());
    elsewhere.reload();
    elsewhere.expect_text("#out-words", "This account is disabled.");
    elsewhere.expect_text("#state", "Not connected");
}
