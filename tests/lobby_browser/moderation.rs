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
            "A moderator locked your account: please take a break",
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
}

#[test]
fn whoever_is_kicked_reads_why_and_comes_back_when_they_want_to() {
    let Some(scene) = Scene::start() else { return };
    let (bob, moderator) = (scene.sign_up("Bob"), scene.moderator());
    bob.type_into("#text", "but I");
    moderator.expect_text("#players", "Bob");
    choose(&moderator, "Bob", "kick", "wake up");
    moderator.click("#measure-submit");
    bob.expect_text("#out-title", "You were sent out");
    bob.expect_text("#out-words", "You were sent out of the lobby: wake up");
    moderator.expect_no_text("#players", "Bob");
    // Longer than it takes a page to come back by itself.
    let later = bob.evaluate("performance.now() + 3000");
    bob.expect_value(&format!("performance.now() > {later}"), true);
    bob.expect_text("#state", "Not connected");
    say(&moderator, "he is gone");
    moderator.expect_text("#messages", "he is gone");
    assert!(!shown(&bob).contains("he is gone"));

    bob.click("#out-retry");
    bob.expect_text("#state", "Connected");
    bob.expect_text("#messages", "he is gone");
    bob.expect_value("document.getElementById('text').value", "but I");
    moderator.expect_text("#players", "Bob");
    bob.wait_for_enabled("#send");
    bob.click("#send");
    moderator.expect_text("#messages", "but I");
}

#[test]
fn a_ban_says_when_it_ends_and_that_it_is_one() {
    let Some(scene) = Scene::start() else { return };
    let (bob, moderator) = (scene.sign_up("Bob"), scene.moderator());
    moderator.expect_text("#players", "Bob");
    choose(&moderator, "Bob", "ban", "an hour off");
    moderator.choose("#ban-time", "3600");
    moderator.click("#measure-submit");
    bob.expect_text("#out-title", "You are banned");
    bob.expect_text("#out-words", "an hour off");
    bob.expect_text("#out-end", "The ban ends");
    bob.expect_text("#out-left", "left");
    bob.reload();
    bob.expect_text("#out-title", "You are banned");
    bob.expect_text("#out-end", "The ban ends");
    bob.click("#log-out");
    fill_in(&bob, "Bob", PASSWORD);
    bob.expect_text("#door-error", "The ban ends");

    // One without an end says that.
    moderator.click("#removed button[aria-label='Let back in: Bob']");
    moderator.expect_text("#removed-section", "Nobody is kept out.");
    bob.clear("#name");
    bob.clear("#password");
    fill_in(&bob, "Bob", PASSWORD);
    bob.expect_text("#state", "Connected");
    moderator.expect_text("#players", "Bob");
    choose(&moderator, "Bob", "ban", "");
    moderator.choose("#ban-time", "");
    moderator.click("#measure-submit");
    bob.expect_text("#out-end", "The ban has no end");
}

#[test]
fn logging_somebody_out_everywhere_is_not_locking_the_account() {
    let Some(scene) = Scene::start() else { return };
    let (bob, moderator) = (scene.sign_up("Bob"), scene.moderator());
    moderator.expect_text("#players", "Bob");
    choose(&moderator, "Bob", "logout", "an old session");
    moderator.expect_text("#measure-submit", "Log out");
    moderator.click("#measure-submit");
    bob.expect_text("#relogin", "You are logged out");
    // Nobody is kept out by it, and the password is enough.
    moderator.expect_text("#removed-section", "Nobody is kept out.");
    bob.type_into("#relogin-password", &format!("{PASSWORD}{ENTER}"));
    bob.expect_text("#state", "Connected");
    moderator.expect_text("#players", "Bob");

    choose(&moderator, "Bob", "revoke", "it was stolen");
    moderator.expect_text("#measure-submit", "Lock");
    moderator.click("#measure-submit");
    bob.expect_text("#out-title", "Your account is locked");
    bob.expect_text("#out-words", "it was stolen");
    moderator.expect_text("#removed", "Bob");
    bob.click("#log-out");
    fill_in(&bob, "Bob", PASSWORD);
    bob.expect_text("#door-error", "it was stolen");
}
