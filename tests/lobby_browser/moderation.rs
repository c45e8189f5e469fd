//! What moderators do, and what those read to whom they do it.

use crate::{browser::Browser, page::*};

/// How often the page had to ask why its upgrade was refused.
const REFUSALS: &str = "performance.getEntriesByType('resource')\
    .filter(entry => entry.name.endsWith('/ws/preflight')).length";

fn choose(moderator: &Browser, name: &str, measure: &str, reason: &str) {
    moderator.click(&format!("#players button[aria-label='Moderate {name}']"));
    moderator.click(&format!("#measure input[name=measure][value={measure}]"));
    moderator.type_into("#reason", reason);
}

#[test]
fn a_mute_is_counted_down_and_lifted() {
    let Some(scene) = Scene::start() else { return };
    let (ann, moderator) = (scene.sign_up("Ann"), scene.moderator());
    let moderates = "document.querySelectorAll('#players .moderate').length";
    assert_eq!(ann.evaluate(moderates), 0);
    choose(&moderator, "Ann", "mute", "calm down");
    moderator.click("#measure-submit");
    ann.expect_text("#muted-words", "Reason: calm down");
    ann.expect_text("#muted-left", "0:5");
    ann.expect_value("document.getElementById('text').disabled", true);
    let left = "document.getElementById('muted-left').textContent";
    let before = ann.evaluate(left);
    ann.expect_value(&format!("{left} !== {before}"), true);
    // It is still so after a reload.
    ann.reload();
    ann.expect_text("#muted-words", "Reason: calm down");
    moderator.click("#mutes button[aria-label^='Unmute Ann']");
    ann.expect_value("document.getElementById('text').disabled", false);
    say(&ann, "sorry");
    moderator.expect_text("#messages", "sorry");

    // The room's rules.
    moderator.choose("#slow", "60");
    ann.expect_text("#slow-badge", "60 s");
    say(&ann, "one");
    ann.expect_text("#send", "Wait");
    // Another tab does not know it, and hears it from the server.
    ann.reload();
    ann.expect_text("#messages", "one");
    say(&ann, "two");
    ann.expect_text(".message[data-state='failed']", "Not sent.");
    ann.expect_text("#send", "Wait");
    moderator.click("#freeze");
    ann.expect_text("#frozen", "Only moderators may write.");
    say(&moderator, "but me");
    ann.expect_text("#messages", "but me");
}

#[test]
fn banned_and_removed_are_seen_as_such_until_they_are_let_back_in() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob, moderator) = (
        scene.sign_up("Ann"),
        scene.sign_up("Bob"),
        scene.moderator(),
    );
    for (measure, words) in [
        ("ban", "You are banned from the lobby: please take a break"),
        (
            "revoke",
            "A moderator removed you from the lobby: please take a break",
        ),
    ] {
        bob.expect_text("#state", "Connected");
        moderator.expect_text("#players", "Bob");
        choose(&moderator, "Bob", measure, "please take a break");
        moderator.click("#measure-submit");
        bob.expect_text("#out-words", words);
        bob.expect_text("#state", "Not connected");
        ann.expect_no_text("#players", "Bob");
        moderator.expect_text("#removed", "please take a break");

        // Out stays out: by the button, after a reload, and with a new log-in.
        let refusals = bob.evaluate(REFUSALS).as_u64().unwrap();
        bob.click("#out-retry");
        bob.expect_value(&format!("{REFUSALS} > {refusals}"), true);
        bob.expect_text("#out-words", words);
        bob.expect_text("#state", "Not connected");
        bob.reload();
        bob.expect_text("#out-words", words);
        bob.click("#log-out");
        fill_in(&bob, "Bob", PASSWORD);
        bob.expect_text("#door-error", words);

        moderator.click("#removed button[aria-label='Let back in: Bob']");
        moderator.expect_text("#removed-section", "Nobody is kept out.");
        bob.clear("#name");
        bob.clear("#password");
        fill_in(&bob, "Bob", PASSWORD);
        bob.expect_text("#state", "Connected");
        ann.expect_text("#players", "Bob");
        say(&bob, "I am back");
        ann.expect_text("#messages", "I am back");
    }
    // Whoever is kicked may come back at once.
    choose(&moderator, "Bob", "kick", "wake up");
    moderator.click("#measure-submit");
    bob.expect_text("#messages", "You were sent out of the lobby: wake up");
    bob.expect_text("#state", "Connected");
}
