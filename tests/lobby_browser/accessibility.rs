//! Everybody can use it: no finding of axe-core on any screen, in light and dark, wide and on a phone. The same
//! screens are in `assets/screenshots` when `SCREENSHOTS` names that folder.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{browser::Browser, page::*};

/// The source of axe-core. `None` when npm is not installed, which is an error in CI.
fn axe() -> Option<String> {
    if Command::new("npm").arg("--version").output().is_err() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "node and npm must be installed");
        eprintln!("skipped: node and npm are not installed");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lobby_browser/axe");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let installed = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(installed.success(), "npm ci");
    Some(fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap())
}

/// Looks for what keeps somebody out.
fn check(browser: &Browser, axe: &str, screen: &str) {
    browser.run(axe);
    let run = "axe.run().then(({ violations, passes }) => ({
        passes: passes.length,
        violations: violations.map(({ id, impact, nodes }) =>
            `${impact}: ${id} at ${nodes.map(({ target }) => target).join(', ')}`),
    }))";
    let found = browser.evaluate_later(run);
    assert!(found["passes"].as_u64().unwrap() > 10, "{found}");
    assert_eq!(found["violations"], Value::Array(vec![]), "{screen}");
}

/// Keeps a picture of the window, where that is asked for.
fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        let file = Path::new(&folder).join(format!("{name}.png"));
        fs::write(file, browser.screenshot()).unwrap();
    }
}

#[test]
fn no_screen_keeps_anybody_out() {
    let Some(scene) = Scene::start() else { return };
    let Some(axe) = axe() else { return };
    let door = scene.open();
    check(&door, &axe, "the door");
    door.click("#switch");
    check(&door, &axe, "the door for somebody new");
    let (ann, bob, moderator) = (
        scene.sign_up("Ann"),
        scene.sign_up("Bob"),
        scene.moderator(),
    );
    let (carla, dave) = (scene.sign_up("Carla"), scene.sign_up("Dave"));
    for (who, text) in [
        (&ann, "Good evening! Is anybody up for the harbour raid?"),
        (&bob, "I am, if we are back by ten."),
        (&carla, "@Ann count me in. I will bring the lanterns."),
        (&dave, "What level do I need for it?"),
        (&ann, "Twelve or so, @Dave. You will be fine with us."),
        (
            &moderator,
            "The server restarts at midnight, nothing is lost.",
        ),
        (&bob, "Then we had better hurry."),
    ] {
        say(who, text);
        ann.expect_text("#messages", text);
    }
    say(&carla, "See you at the pier, @Ann");
    ann.expect_text("#messages", "See you at the pier");
    bob.click("#players button[aria-label='Whisper to Ann']");
    say(&bob, "Do you have a spare rope?");
    ann.expect_text("#rooms", "Bob");
    check(&ann, &axe, "the lobby");
    picture(&ann, "lobby");

    check(&carla, &axe, "the lobby without marks");
    carla.be_dark();
    check(&carla, &axe, "the dark lobby");
    picture(&carla, "lobby-dark");

    moderator.click("#players button[aria-label='Moderate Dave']");
    moderator.click("#measure input[name=measure][value=mute]");
    check(&moderator, &axe, "the dialog of a moderator");
    moderator.click("#measure-submit");
    dave.expect_text("#muted", "left");
    moderator.expect_text("#mutes", "Dave");
    moderator.choose("#slow", "10");
    check(&moderator, &axe, "the moderator's panel");
    picture(&moderator, "moderator");
    check(&dave, &axe, "the lobby of somebody who is muted");

    dave.be_a_phone();
    dave.expect_value("document.documentElement.scrollWidth <= innerWidth", true);
    check(&dave, &axe, "the phone of somebody who is muted");
    bob.be_a_phone();
    bob.click("#show-rooms");
    check(&bob, &axe, "the rooms on a phone");
    bob.click("#rooms [data-conversation='room:lobby']");
    bob.expect_text("#messages", "See you at the pier");
    check(&bob, &axe, "the phone");
    picture(&bob, "phone");

    moderator.click("#players button[aria-label='Moderate Bob']");
    moderator.click("#measure input[name=measure][value=ban]");
    moderator.click("#measure-submit");
    bob.expect_text("#out-title", "banned");
    check(&bob, &axe, "the phone of somebody who is banned");

    say(&ann, "/help");
    ann.expect_text(".house", "/w name text");
    check(&ann, &axe, "words of the house");
    ann.click("#my-name");
    check(&ann, &axe, "the account");
    ann.click("#account [data-cancel]");
    ann.type_into("#text", "I will be late by a few min");
    let scene = scene.log_everybody_out(&ann);
    ann.expect_text("#relogin", "You are logged out");
    check(&ann, &axe, "somebody who was logged out while away");
    picture(&ann, "logged-out");
    carla.expect_text("#relogin", "You are logged out");
    check(&carla, &axe, "the same in the dark");
    drop(scene);
}

#[test]
fn everything_can_be_done_with_keys() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    ann.expect_text("#players", "Bob");
    // The next thing that has the focus, with what it is called.
    let focus = "(() => { const it = document.activeElement; return it === document.body ? '' : `${it.id} ${it.getAttribute('aria-label') ?? it.placeholder ?? it.textContent.trim()}` })()";
    let reach = |name: &str| {
        for _ in 0..40 {
            if ann.evaluate(focus).as_str().unwrap().contains(name) {
                return;
            }
            ann.press("\u{e004}");
        }
        panic!("{name} cannot be reached with the Tab key");
    };
    ann.evaluate("document.activeElement.blur()");
    reach("Trade");
    ann.press(ENTER);
    ann.expect_text("#room-title", "Trade");
    reach("Write in Trade");
    ann.press("by hand");
    ann.press(ENTER);
    ann.expect_text("#messages", "by hand");
    ann.evaluate("document.activeElement.blur()");
    reach("Lobby");
    ann.press(ENTER);
    ann.expect_text("#room-title", "Lobby");
    reach("Whisper to Bob");
    ann.press(ENTER);
    reach("text Whisper to Bob");
    ann.press("psst");
    ann.press(ENTER);
    bob.expect_text("#rooms", "Ann");
}
