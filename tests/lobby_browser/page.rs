//! What all tests do with the page.

use std::path::Path;

use tempfile::TempDir;

use crate::{browser::Browser, driver::Driver, program::Lobby};

pub const PASSWORD: &str = "correct horse";
pub const ENTER: &str = "\u{e007}";
pub const UP: &str = "\u{e013}";
/// Enter with Shift, as one types it into a field.
pub const LINE_BREAK: &str = "\u{e008}\u{e007}\u{e000}";

/// A lobby and what starts browsers. `None` when there is no browser, which is an error in CI.
pub struct Scene {
    pub lobby: Lobby,
    pub driver: Driver,
    pub data: TempDir,
}

impl Scene {
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        let Some(driver) = Driver::start() else {
            let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!in_ci, "a browser and its driver must be installed");
            eprintln!("skipped: the browser or its driver is not installed");
            return None;
        };
        let data = tempfile::tempdir().unwrap();
        let lobby = Lobby::start_with(data.path(), [0, 0], arguments);
        Some(Self {
            lobby,
            driver,
            data,
        })
    }

    /// A browser with the page.
    pub fn open(&self) -> Browser {
        let browser = self.driver.browser();
        browser.resize(1280, 800);
        browser.open(&self.lobby.url);
        browser.expect_text("#door-title", "Log in");
        browser
    }

    /// Somebody new, in the lobby.
    pub fn sign_up(&self, name: &str) -> Browser {
        let browser = self.open();
        sign_up_at(&browser, name);
        browser
    }

    /// The moderator, in the lobby.
    pub fn moderator(&self) -> Browser {
        let browser = self.open();
        let password = self.lobby.moderator_password.as_deref().unwrap();
        fill_in(&browser, "moderator", password);
        browser.expect_text("#state", "Connected");
        browser.expect_text("#moderation", "Nobody is kept out.");
        browser
    }

    /// The lobby is stopped as with Ctrl-C, something is done, and it starts again on the same ports, or at
    /// another port for the WebSockets.
    pub fn restart(self, browser: &Browser, moves: bool, meanwhile: impl FnOnce()) -> Self {
        self.restart_after(browser, moves, |_| meanwhile())
    }

    /// The same, and everybody is logged out afterwards: it does not know the tokens any more.
    pub fn log_everybody_out(self, browser: &Browser) -> Self {
        self.restart_after(browser, false, |data| {
            std::fs::remove_file(data.join("token.key")).unwrap();
        })
    }

    fn restart_after(self, browser: &Browser, moves: bool, meanwhile: impl FnOnce(&Path)) -> Self {
        let page = page_port(&self.lobby.url);
        let door = if moves { 0 } else { ws_port(browser) };
        let Self {
            lobby,
            driver,
            data,
        } = self;
        assert_eq!(lobby.interrupt(), Some(0));
        meanwhile(data.path());
        let lobby = Lobby::start_on(data.path(), [page, door]);
        Self {
            lobby,
            driver,
            data,
        }
    }
}

fn sign_up_at(browser: &Browser, name: &str) {
    browser.click("#switch");
    browser.expect_text("#door-title", "Create an account");
    fill_in(browser, name, PASSWORD);
    browser.expect_text("#state", "Connected");
    browser.expect_text("#players", name);
}

pub fn fill_in(browser: &Browser, name: &str, password: &str) {
    browser.type_into("#name", name);
    browser.type_into("#password", password);
    browser.click("#enter");
}

pub fn say(browser: &Browser, text: &str) {
    browser.type_into("#text", &format!("{text}{ENTER}"));
}

/// What the page hears from now on can be changed, and added to. For a browser that is not in the lobby yet.
pub fn tap(browser: &Browser) {
    browser.run(
        "const Real = window.WebSocket;
         window.rewrite = (message) => message;
         window.WebSocket = class extends Real {
             constructor(...where) { super(...where); window.wire = this; }
             get onmessage() { return super.onmessage; }
             set onmessage(hear) {
                 super.onmessage = ({ data }) => {
                     const message = window.rewrite(JSON.parse(data));
                     if (message.seq) window.lastSeq = message.seq;
                     hear({ data: JSON.stringify(message) });
                 };
                 window.hear = (message) => hear({ data: JSON.stringify(message) });
             }
         };",
    );
}

/// The page hears this from the server. `SEQ` is the next number of the room.
pub fn hear(browser: &Browser, message: &serde_json::Value) {
    let message = message.to_string().replace("\"SEQ\"", "++window.lastSeq");
    browser.run(&format!("window.hear({message})"));
}

/// Somebody new, whose page can be made to hear things.
pub fn sign_up_tapped(scene: &Scene, name: &str) -> Browser {
    let browser = scene.open();
    tap(&browser);
    sign_up_at(&browser, name);
    browser
}

/// The texts of all messages that the page shows, joined by `|`.
pub fn shown(browser: &Browser) -> String {
    let texts = "[...document.querySelectorAll('#lines .message .words')].map(it => it.textContent).join('|')";
    browser.evaluate(texts).as_str().unwrap().to_owned()
}

fn page_port(url: &str) -> u16 {
    let port = url.trim_end_matches('/').rsplit(':').next();
    port.unwrap().parse().unwrap()
}

pub fn ws_port(browser: &Browser) -> u16 {
    let url = "JSON.parse(sessionStorage.getItem('lobby-session')).ws_url";
    let port = browser.evaluate(&format!("new URL({url}).port"));
    port.as_str().unwrap().parse().unwrap()
}

/// Somebody without a browser says six lines, as fast as one may.
pub fn talk(port: u16, token: &str, who: usize) {
    use tokio_tungstenite::tungstenite::{Message, client, client::IntoClientRequest};
    let mut request = format!("ws://127.0.0.1:{port}/ws")
        .into_client_request()
        .unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("Authorization", bearer);
    let offered = "bouncer.v1".parse().unwrap();
    let name = "Sec-WebSocket-Protocol";
    request.headers_mut().insert(name, offered);
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut socket, _) = client(request, stream).unwrap();
    let mut ask = |request: serde_json::Value| {
        socket.send(Message::text(request.to_string())).unwrap();
        loop {
            let answer = socket.read().unwrap();
            let answer = answer.to_text().unwrap_or_default();
            assert!(!answer.contains(r#""op":"err""#), "{answer}");
            if answer.contains(r#""op":"ack""#) {
                return;
            }
        }
    };
    ask(serde_json::json!({"op": "room.join", "id": "join", "room": "lobby"}));
    for line in 0..6 {
        if line == 5 {
            // Five at once, and then one a second.
            std::thread::sleep(std::time::Duration::from_millis(1100));
        }
        let text = format!("line {who}.{line}");
        let d = serde_json::json!({"text": text});
        ask(serde_json::json!({"op": "chat.send", "id": text, "room": "lobby", "d": d}));
    }
}
