//! The lobby as its users start it: the program, its one URL, and the password it prints.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use bevy_bouncer::{SqliteDirectory, UserId};
use serde_json::{Value, json};

use super::http_client::{Answer, request};

pub struct Lobby {
    process: Child,
    _output: BufReader<ChildStdout>,
    data: PathBuf,
    /// The page, as it is printed.
    pub url: String,
    /// Printed at the first start only.
    pub moderator_password: Option<String>,
}

impl Lobby {
    /// Starts the lobby on free ports and waits for its URL.
    pub fn start(data: &Path) -> Self {
        Self::start_on(data, [0, 0])
    }

    /// Starts the lobby on these ports, the page's and the WebSockets', and waits for its URL.
    pub fn start_on(data: &Path, ports: [u16; 2]) -> Self {
        Self::start_with(data, ports, &[])
    }

    /// The same with more arguments.
    pub fn start_with(data: &Path, [port, ws_port]: [u16; 2], arguments: &[&str]) -> Self {
        let mut process = command(data, [port, ws_port])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lobby starts");
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut moderator_password = None;
        let url = loop {
            let mut line = String::new();
            let length = output.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the lobby ended before it printed its URL");
            if let Some((_, password)) = line.split_once("password ") {
                moderator_password = Some(password.trim().to_owned());
            }
            if let Some(url) = line.strip_prefix("Open ") {
                break url.trim().to_owned();
            }
        };
        Self {
            process,
            _output: output,
            data: data.to_owned(),
            url,
            moderator_password,
        }
    }

    /// A lobby that cannot start there: what it says.
    pub fn fails(data: &Path, ports: [u16; 2]) -> String {
        let ended = command(data, ports).output().expect("the lobby starts");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        String::from_utf8(ended.stderr).unwrap()
    }

    /// Host and port of the page.
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        request(self.authority(), "GET", path, Some(&bearer), "")
    }

    pub fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = body.to_string();
        request(self.authority(), "POST", path, Some(&bearer), &body)
    }

    /// Signs up or logs in.
    pub fn enter(&self, path: &str, name: &str, password: &str) -> Answer {
        self.post(path, "", &json!({ "name": name, "password": password }))
    }

    /// The answer to a moderator's log-in.
    pub fn moderator(&self) -> Value {
        let password = self.moderator_password.as_deref().unwrap();
        self.enter("/api/login", "moderator", password).json()
    }

    /// What an operator does in the database: this user may not come in any more.
    pub fn disable(&self, user: &str) {
        let users = SqliteDirectory::open(self.data.join("accounts.db")).unwrap();
        let user = UserId::new(user).unwrap();
        let disabled = users.set_disabled(&user, true);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        assert!(runtime.block_on(disabled).unwrap(), "there is such a user");
    }

    /// Ctrl-C. Answers the exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Lobby {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lobby with this data, on these ports: the page's and the WebSockets'.
fn command(data: &Path, [port, ws_port]: [u16; 2]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["--port", &port.to_string()])
        .args(["--ws-port", &ws_port.to_string()])
        .arg("--data")
        .arg(data);
    command
}

/// Cargo builds the examples next to the tests.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let binary = built
        .join("examples")
        .join("lobby")
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        binary.exists(),
        "run `cargo build --example lobby` first: {}",
        binary.display()
    );
    binary
}
