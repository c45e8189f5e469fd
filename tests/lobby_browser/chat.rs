//! Rooms, whispers, history, mentions, and text that is only ever text.

use serde_json::Value;

use crate::{browser::Browser, page::*};

/// How many messages there are whose text is this.
fn count(browser: &Browser, text: &str) -> usize {
    shown(browser)
        .split('|')
        .filter(|shown| *shown == text)
        .count()
}

#[test]
fn players_talk_in_rooms_and_whisper_and_read_what_was_said_after_a_reload() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    ann.expect_text("#players", "Bob");
    say(&ann, "Hello Bob");
    bob.expect_text("#messages", "Hello Bob");
    // Sent is not the same as heard by all: the mark goes with the acknowledgement.
    ann.expect_value(
        "document.querySelectorAll('#lines [data-state=pending]').length",
        0,
    );

    // Rooms, with a mark where something new is.
    let trade = "#rooms [data-conversation='room:trade']";
    ann.click(trade);
    ann.expect_text("#room-title", "Trade");
    bob.click(trade);
    bob.expect_text("#room-title", "Trade");
    bob.click("#rooms [data-conversation='room:lobby']");
    bob.expect_text("#room-title", "Lobby");
    say(&ann, "A sword for @Bob");
    bob.expect_text(&format!("{trade} .unread"), "1");
    bob.expect_no_text("#messages", "A sword");
    bob.expect_value(
        &format!("document.querySelector(\"{trade} .at\").hidden"),
        false,
    );
    bob.click(trade);
    bob.expect_text("#messages", "A sword for @Bob");
    bob.expect_value("document.querySelectorAll('#lines mark').length", 1);

    // A whisper is for two.
    let eve = scene.sign_up("Eve");
    ann.click("#rooms [data-conversation='room:lobby']");
    ann.click("#players button[aria-label='Whisper to Bob']");
    say(&ann, "psst");
    ann.expect_text("#messages", "psst");
    let whispers = "#rooms [data-conversation^='to:']";
    bob.expect_text(&format!("{whispers} .unread"), "1");
    bob.click(whispers);
    bob.expect_text("#messages", "psst");
    eve.expect_value(
        "document.querySelectorAll(\"#rooms [data-conversation^='to:']\").length",
        0,
    );

    // After a reload all is as it was.
    bob.reload();
    bob.expect_text("#state", "Connected");
    bob.click(trade);
    bob.expect_text("#messages", "A sword for @Bob");
    bob.click("#rooms [data-conversation='room:lobby']");
    bob.expect_text("#messages", "Hello Bob");
    assert_eq!(count(&bob, "Hello Bob"), 1);

    // One's own words can be taken back.
    ann.click("#rooms [data-conversation='room:lobby']");
    ann.click(".message.mine .more");
    ann.click("#menu-delete");
    bob.expect_text("#messages", "Message deleted");
    bob.expect_no_text("#messages", "Hello Bob");
}

#[test]
fn nothing_that_is_written_becomes_a_part_of_the_page() {
    let Some(scene) = Scene::start() else { return };
    let (ann, bob) = (scene.sign_up("Ann"), scene.sign_up("Bob"));
    let attempts = [
        "<b id=bold>bold</b><img src=x onerror=\"document.title='broken'\">",
        "<script>document.title='broken'</script>",
        "javascript:document.title='broken'",
        "\"><svg onload=document.title='broken'>",
        "{{constructor.constructor('document.title=1')()}}",
    ];
    for attempt in attempts {
        say(&bob, attempt);
        ann.expect_text("#messages", attempt);
    }
    for browser in [&ann, &bob] {
        assert_eq!(
            browser.evaluate("document.getElementById('bold')"),
            Value::Null
        );
        assert_eq!(browser.evaluate("document.title"), "Lobby");
        let made =
            "document.querySelectorAll('#lines img, #lines script, #lines svg, #lines b').length";
        assert_eq!(browser.evaluate(made), 0);
    }
    // The policy would stop it even if it became one.
    let inline = "(() => { try { document.body.innerHTML = '<i></i>'; return 'done' } catch (e) { return e.name } })()";
    assert_eq!(ann.evaluate(inline), "TypeError");
}

#[test]
fn older_messages_come_while_scrolling_and_a_refused_one_can_be_sent_again() {
    let Some(scene) = Scene::start() else { return };
    let ann = scene.sign_up("Ann");
    // More than one page of history, said by many, because nobody may write so fast.
    let port = ws_port(&ann);
    let guests: Vec<_> = (0..9)
        .map(|number| {
            let name = format!("Guest {number}");
            let session = scene.lobby.enter("/api/signup", &name, PASSWORD).json();
            std::thread::spawn(move || talk(port, session["token"].as_str().unwrap(), number))
        })
        .collect();
    for guest in guests {
        guest.join().unwrap();
    }
    ann.reload();
    ann.expect_text("#state", "Connected");
    ann.expect_text("#messages", "line");
    let count = "document.querySelectorAll('#lines .message').length";
    let first = ann.evaluate(count).as_u64().unwrap();
    assert!(first <= 50, "{first}");
    assert_eq!(
        ann.evaluate("document.querySelectorAll('#lines .day').length"),
        1
    );
    ann.evaluate("document.getElementById('messages').scrollTo(0, 0)");
    ann.expect_text("#beginning", "Nothing older is kept.");
    let all = ann.evaluate(count).as_u64().unwrap();
    assert!(all > first, "{all} of {first}");
    let texts = shown(&ann);
    let mut said: Vec<_> = texts.split('|').collect();
    let numbers = said.len();
    said.dedup();
    assert_eq!(said.len(), numbers, "nothing is there twice");

    // Too fast: it is said so, and the words are not lost.
    for number in 0..7 {
        say(&ann, &format!("quick {number}"));
    }
    ann.expect_text(".message[data-state='failed']", "Not sent.");
    ann.expect_text("#pace", "too fast");
    ann.wait_for_enabled(".message[data-state='failed'] .again");
    ann.click(".message[data-state='failed'] .again");
    ann.expect_no_text("#lines", "Sending…");
}
