//! What all tests do with the page.

use tempfile::TempDir;

use crate::{
    browser::{Browser, Driver},
    program::Lobby,
};

pub const PASSWORD: &str = "correct horse";
pub const ENTER: &str = "\u{e007}";

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
            assert!(!in_ci, "chromium and chromedriver must be installed");
            eprintln!("skipped: chromium and chromedriver are not installed");
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
        browser.click("#switch");
        browser.expect_text("#door-title", "Create an account");
        fill_in(&browser, name, PASSWORD);
        browser.expect_text("#state", "Connected");
        browser.expect_text("#players", name);
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
        let page = page_port(&self.lobby.url);
        let door = if moves { 0 } else { ws_port(browser) };
        let Self {
            lobby,
            driver,
            data,
        } = self;
        assert_eq!(lobby.interrupt(), Some(0));
        meanwhile();
        let lobby = Lobby::start_on(data.path(), [page, door]);
        Self {
            lobby,
            driver,
            data,
        }
    }
}

pub fn fill_in(browser: &Browser, name: &str, password: &str) {
    browser.type_into("#name", name);
    browser.type_into("#password", password);
    browser.click("#enter");
}

pub fn say(browser: &Browser, text: &str) {
    browser.type_into("#text", &format!("{text}{ENTER}"));
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
