//! The lobby as people use it: three browsers, one of them a moderator's.
#![cfg(feature = "sqlite")]

#[path = "lobby/browser.rs"]
mod browser;
#[path = "http_client/mod.rs"]
#[expect(dead_code, reason = "the test without a browser looks closer")]
mod http_client;
#[path = "lobby/program.rs"]
#[expect(dead_code, reason = "the test without a browser uses more of it")]
mod program;

use browser::{Browser, Driver};
use program::Lobby;

const PASSWORD: &str = "correct horse";
const ENTER: &str = "\u{e007}";
/// How often the page had to ask why its upgrade was refused.
const REFUSALS: &str = "performance.getEntriesByType('resource')\
    .filter(entry => entry.name.endsWith('/ws/preflight')).length";

fn sign_up(browser: &Browser, name: &str) {
    browser.click("#switch");
    browser.expect_text("#door-title", "Create an account");
    fill_in(browser, name, PASSWORD);
}

fn fill_in(browser: &Browser, name: &str, password: &str) {
    browser.type_into("#name", name);
    browser.type_into("#password", password);
    browser.click("#enter");
}

fn say(browser: &Browser, text: &str) {
    browser.type_into("#text", &format!("{text}{ENTER}"));
}

fn page_port(url: &str) -> u16 {
    let port = url.trim_end_matches('/').rsplit(':').next();
    port.unwrap().parse().unwrap()
}

fn ws_port(browser: &Browser) -> u16 {
    let url = "JSON.parse(sessionStorage.getItem('lobby-session')).ws_url";
    let port = browser.evaluate(&format!("new URL({url}).port"));
    port.as_str().unwrap().parse().unwrap()
}

#[test]
fn players_chat_and_a_moderator_removes_one_and_lets_them_back_in() {
    let Some(driver) = Driver::start() else {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "chromium and chromedriver must be installed");
        eprintln!("skipped: chromium and chromedriver are not installed");
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let lobby = Lobby::start(data.path());
    let [ann, bob, moderator] = [driver.browser(), driver.browser(), driver.browser()];
    for browser in [&ann, &bob, &moderator] {
        browser.open(&lobby.url);
        browser.expect_text("#door-title", "Log in");
    }

    // Two players meet.
    sign_up(&ann, "Ann");
    ann.expect_text("#state", "Connected");
    sign_up(&bob, "Bob");
    bob.expect_text("#state", "Connected");
    bob.expect_text("#players", "Ann");
    ann.expect_text("#players", "Bob");
    ann.expect_text("#messages", "Bob came in.");

    // They talk both ways, and nothing that they write becomes a part of the page.
    say(&ann, "Hello Bob");
    bob.expect_text("#messages", "Hello Bob");
    let markup = "<b id=bold>bold</b><img src=x onerror=\"document.title='broken'\">";
    say(&bob, markup);
    ann.expect_text("#messages", markup);
    assert_eq!(
        ann.evaluate("document.getElementById('bold')"),
        serde_json::Value::Null
    );
    assert_eq!(ann.evaluate("document.title"), "Lobby");
    assert_eq!(
        ann.evaluate("document.querySelectorAll('#messages img').length"),
        0
    );

    // A wrong password, then the moderator.
    fill_in(&moderator, "moderator", "not the password");
    moderator.expect_text("#door-error", "The name or the password is wrong.");
    moderator.clear("#name");
    moderator.clear("#password");
    fill_in(
        &moderator,
        "moderator",
        lobby.moderator_password.as_deref().unwrap(),
    );
    moderator.expect_text("#state", "Connected");
    moderator.expect_text("#messages", "Hello Bob");
    moderator.expect_text("#removed-section", "Nobody is kept out.");
    assert_eq!(
        ann.evaluate("document.querySelectorAll('#players button').length"),
        0
    );

    // Out means out, with words.
    moderator.click("#players button[aria-label='Remove Bob']");
    moderator.type_into("#reason", "please take a break");
    moderator.click("#removal .danger");
    let words = "A moderator removed you from the lobby: please take a break";
    bob.expect_text("#out-words", words);
    bob.expect_text("#state", "Not connected");
    ann.expect_text("#messages", "Bob was removed.");
    ann.expect_no_text("#players", "Bob");
    moderator.expect_text("#removed", "please take a break");

    // Out stays out: by the button, after a reload, and with a new log-in.
    assert_eq!(bob.evaluate(REFUSALS), 0);
    bob.click("#out-retry");
    bob.expect_value(REFUSALS, 1);
    bob.expect_text("#out-words", words);
    bob.expect_text("#state", "Not connected");
    bob.reload();
    bob.expect_text("#out-words", words);
    bob.click("#log-out");
    fill_in(&bob, "Bob", PASSWORD);
    bob.expect_text("#door-error", words);

    // Let back in.
    moderator.click("#removed button[aria-label='Let Bob back in']");
    moderator.expect_text("#removed-section", "Nobody is kept out.");
    bob.clear("#name");
    bob.clear("#password");
    fill_in(&bob, "Bob", PASSWORD);
    bob.expect_text("#state", "Connected");
    ann.expect_text("#players", "Bob");
    say(&bob, "I am back");
    ann.expect_text("#messages", "I am back");

    // The server goes, and the page says so. It comes back, and so does the page.
    let ports = [page_port(&lobby.url), ws_port(&ann)];
    assert_eq!(lobby.interrupt(), Some(0));
    ann.expect_text("#waiting", "Trying again in");
    let lobby = Lobby::start_on(data.path(), ports);
    ann.expect_text("#state", "Connected");
    ann.expect_text("#players", "Ann");

    // It even finds the door when that has moved.
    assert_eq!(lobby.interrupt(), Some(0));
    ann.expect_text("#waiting", "Trying again in");
    let lobby = Lobby::start_on(data.path(), [ports[0], 0]);
    ann.expect_text("#state", "Connected");
    assert_ne!(ws_port(&ann), ports[1]);

    // The door's own refusal has words too.
    let stored = "JSON.parse(sessionStorage.getItem('lobby-session')).user.id";
    lobby.disable(ann.evaluate(stored).as_str().unwrap());
    ann.reload();
    ann.expect_text("#out-words", "This account is disabled.");
    ann.expect_text("#state", "Not connected");
}
