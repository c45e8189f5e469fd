//! Reading: who is meant, what is new, where one is, and what can be followed.

use crate::{browser::Browser, page::*};

/// How far the messages are from their end, in pixels.
const FROM_END: &str = "(({ scrollHeight, scrollTop, clientHeight }) => Math.round(scrollHeight - scrollTop - clientHeight))(document.getElementById('messages'))";

/// The room is full of lines that others have said.
fn fill(scene: &Scene, browser: &Browser) {
    let port = ws_port(browser);
    let guests: Vec<_> = (0..4)
        .map(|number| {
            let name = format!("Guest {number}");
            let session = scene.lobby.enter("/api/signup", &name, PASSWORD).json();
            std::thread::spawn(move || talk(port, session["token"].as_str().unwrap(), number))
        })
        .collect();
    for guest in guests {
        guest.join().unwrap();
    }
    for number in 0..4 {
        browser.expect_text("#messages", &format!("line {number}.5"));
    }
}

#[test]
fn everybody_sees_the_same_mentions() {
    let Some(scene) = Scene::start() else { return };
    let (ann, lee) = (scene.sign_up("Ann"), scene.sign_up("Ann Lee"));
    let bob = scene.sign_up("Bob");
    for text in [
        "@\"Ann Lee\" and @ann, and @Bob's hat",
        "me@Ann.example, @@Bob, @Nobody. @Ann Lee",
    ] {
        say(&bob, text);
    }
    let mentioned = "[...document.querySelectorAll('.words mark, .words .mention')].map((it) => it.textContent).join()";
    let mine = "[...document.querySelectorAll('.words mark')].map((it) => it.textContent).join()";
    for (browser, own) in [(&ann, "@ann,@Ann"), (&lee, "@Ann Lee"), (&bob, "@Bob")] {
        browser.expect_text("#messages", "@Nobody");
        browser.expect_value(mentioned, "@Ann Lee,@ann,@Bob,@Nobody,@Ann");
        browser.expect_value(mine, own);
    }
    // Whoever comes later, when they are gone, as well.
    ann.click("#log-out");
    lee.click("#log-out");
    bob.reload();
    bob.expect_text("#messages", "@Nobody");
    bob.expect_value(mentioned, "@Ann Lee,@ann,@Bob,@Nobody,@Ann");
    // The completion writes it in this way.
    let lee = scene.sign_up("Eva Lee");
    bob.expect_text("#players", "Eva Lee");
    bob.type_into("#text", "hi @ev");
    bob.expect_text("#completions", "@Eva Lee");
    bob.press(ENTER);
    bob.expect_value("document.getElementById('text').value", "hi @\"Eva Lee\" ");
    bob.press(&format!("!{ENTER}"));
    lee.expect_value(mine, "@Eva Lee");
}

#[test]
fn what_is_new_is_counted_and_where_it_begins_is_marked() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    say(&ann, "old");
    bob.expect_text("#messages", "old");
    bob.click("#rooms [data-conversation='room:trade']");
    bob.expect_text("#room-title", "Trade");
    for text in ["one", "two", "three"] {
        say(&ann, text);
    }
    bob.expect_text("#rooms [data-conversation='room:lobby'] .unread", "3");
    bob.expect_value("document.title", "(3) Lobby");
    bob.click("#rooms [data-conversation='room:lobby']");
    bob.expect_text("#messages .fresh", "3 new messages");
    let after = "document.querySelector('#lines .fresh').nextElementSibling.textContent";
    assert!(bob.evaluate(after).as_str().unwrap().contains("one"));
    bob.expect_value("document.title", "Lobby");
    // It stays while one reads, and is over when one says something.
    say(&ann, "four");
    bob.expect_text("#messages", "four");
    bob.expect_text("#messages .fresh", "3 new messages");
    say(&bob, "five");
    bob.expect_value("document.querySelectorAll('#lines .fresh').length", 0);
}

#[test]
fn whoever_reads_further_up_stays_there_and_hears_how_much_is_new() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    bob.be_a_phone();
    fill(&scene, &bob);
    bob.expect_value(&format!("{FROM_END} <= 1"), true);
    bob.run("document.getElementById('messages').scrollTo(0, 200)");
    bob.expect_text("#newest", "To the newest messages");
    let place = "document.getElementById('messages').scrollTop";
    let before = bob.evaluate(place);
    say(&ann, "are you there?");
    say(&ann, "hello?");
    bob.expect_text("#newest", "2 new messages");
    assert_eq!(bob.evaluate(place), before);
    bob.click("#newest");
    bob.expect_text("#messages .fresh", "2 new messages");
    bob.expect_value(&format!("{FROM_END} <= 1"), true);
    bob.expect_value("document.getElementById('newest').hidden", true);
    bob.expect_value("document.title", "Lobby");

    // A banner takes its place from the messages, and the newest stays in sight.
    let height = "document.getElementById('messages').clientHeight";
    let tall = bob.evaluate(height).as_u64().unwrap();
    let scene = scene.restart(&ann, false, || {
        bob.expect_text("#waiting", "Trying again in");
        bob.expect_value(&format!("{height} < {tall}"), true);
        bob.expect_value(&format!("{FROM_END} <= 1"), true);
        // Also after it was drawn anew.
        let words = bob.text("#waiting").unwrap();
        bob.expect_no_text("#waiting", &words);
        bob.expect_value(&format!("{FROM_END} <= 1"), true);
    });
    bob.expect_text("#state", "Connected");
    bob.expect_value(&format!("{FROM_END} <= 1"), true);
    drop(scene);
}

#[test]
fn links_lead_where_they_say_and_nowhere_else() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    say(
        &bob,
        "(see https://example.org/a_(b)?c=1#d), and http://example.com.",
    );
    for text in [
        "javascript:alert(1) data:text/html,hi ftp://example.org",
        "https://bank.example@evil.example/ https:// http://[",
    ] {
        say(&bob, text);
        ann.expect_text("#messages", text);
    }
    let links = "[...document.querySelectorAll('.words a')].map((it) => `${it.textContent} ${it.href} ${it.rel} ${it.target}`).join('|')";
    ann.expect_value(
        links,
        "https://example.org/a_(b)?c=1#d https://example.org/a_(b)?c=1#d noopener noreferrer nofollow _blank\
         |http://example.com http://example.com/ noopener noreferrer nofollow _blank",
    );
}

#[test]
fn on_a_phone_the_way_back_closes_what_lies_over_the_chat() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    ann.be_a_phone();
    let drawer = "document.getElementById('lobby').dataset.drawer";
    for name in ["people", "rooms"] {
        ann.click(&format!("#show-{name}"));
        ann.expect_value(drawer, name);
        ann.back();
        ann.expect_value(drawer, "");
        ann.expect_value("document.activeElement.id", format!("show-{name}"));
    }
    // And whoever chose a room there does not need the way back any more.
    let entries = ann.evaluate("history.length");
    ann.click("#show-rooms");
    ann.click("#rooms [data-conversation='room:trade']");
    ann.expect_text("#room-title", "Trade");
    ann.expect_value("history.state", serde_json::Value::Null);
    assert_eq!(ann.evaluate("history.length"), entries);
    ann.expect_text("#state", "Connected");
}
