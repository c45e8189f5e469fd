//! The binary as a process, and players that connect to it.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::{IntoClientRequest, client},
    handshake::client::Request,
};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// HS256 secret of the servers in the tests.
pub const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
/// Token of their operator.
pub const ADMIN_TOKEN: &str = "the-operators-token";

/// A player's connection.
pub type Socket = WebSocket<TcpStream>;

/// A folder with a configuration.
pub struct Folder(TempDir);

impl Folder {
    pub fn new(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("server.toml", config);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The binary with these arguments, in another folder than the configuration's.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bouncer"));
        command
            .current_dir(std::env::temp_dir())
            .env("TEST_SECRET", SECRET)
            .env("TEST_ADMIN_TOKEN", ADMIN_TOKEN)
            .env("SHORT", "fifteen-bytes-x")
            .env_remove("TEST_NOT_SET")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary until it ends by itself. `--config` is added.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let file = self.path("server.toml");
        let mut arguments = arguments.to_vec();
        arguments.extend(["--config", file.to_str().unwrap()]);
        self.run_with(&arguments, &[])
    }

    /// Runs the binary with just these arguments, and these environment variables as well.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let child = self
            .command()
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id();
        let (ended, watched) = channel();
        let watch = std::thread::spawn(move || {
            if watched.recv_timeout(PATIENCE).is_err() {
                signal("KILL", id);
            }
        });
        let output = child.wait_with_output().unwrap();
        let _ = ended.send(());
        watch.join().unwrap();
        output
    }

    /// A token for a user, from the binary's own sub-command.
    pub fn token(&self, user: &str) -> String {
        let output = self.run(&["token", "--user", user]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts the server and waits until it listens.
    pub fn start(&self) -> Bouncer {
        self.start_logging("info")
    }

    /// The same, and its log has everything from this level on.
    pub fn start_logging(&self, level: &str) -> Bouncer {
        self.start_with(level, &[])
    }

    /// Starts the server with these environment variables as well.
    pub fn start_with(&self, level: &str, variables: &[(&str, &str)]) -> Bouncer {
        let file = self.path("server.toml");
        let arguments = ["--config", file.to_str().unwrap()];
        let variables = [variables, &[("RUST_LOG", level)]].concat();
        self.start_by(&arguments, &variables)
    }

    /// Starts the server with just these arguments.
    pub fn start_by(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Bouncer {
        let mut child = self
            .command()
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Bouncer {
            child,
            log,
            seen: Vec::new(),
            game: SocketAddr::from(([0; 4], 0)),
        };
        server.game = server.logged(": listening on ").parse().unwrap();
        server
    }
}

/// A running server.
pub struct Bouncer {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
    pub game: SocketAddr,
}

impl Bouncer {
    /// Waits for a log line with these words and returns what stands behind them.
    pub fn logged(&mut self, words: &str) -> String {
        loop {
            let found = self.seen.iter().find_map(|line| line.split_once(words));
            if let Some((_, rest)) = found {
                return rest.trim().to_owned();
            }
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("{words:?} is not in the log: {:#?}", self.seen),
            }
        }
    }

    /// All of the log, once the server has ended.
    pub fn whole_log(&mut self) -> String {
        self.seen.extend(self.log.iter());
        self.seen.join("\n")
    }

    /// The address of the operator's API.
    pub fn admin(&mut self) -> SocketAddr {
        self.logged("admin API listening on ").parse().unwrap()
    }

    /// Comes in with this token, or says with which status that was refused.
    pub fn join(&self, token: &str) -> Result<Socket, u16> {
        self.join_as_requested(&format!("Bearer {token}"), Some("game.v1"))
    }

    /// Comes in with these header values, or says with which status that was refused.
    pub fn join_as_requested(
        &self,
        authorization: &str,
        subprotocol: Option<&str>,
    ) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/ws", self.game)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("Authorization", authorization.parse().unwrap());
        if let Some(subprotocol) = subprotocol {
            headers.insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
        }
        self.open(request)
    }

    /// Comes in with this token and this `X-Forwarded-For`.
    pub fn join_through_proxy(&self, token: &str, client: &str) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/ws", self.game)
            .into_client_request()
            .unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
        let client = client.parse().unwrap();
        request.headers_mut().insert("X-Forwarded-For", client);
        self.open(request)
    }

    /// Comes in with this ticket, or says with which status that was refused.
    pub fn join_with_ticket(&self, ticket: &str) -> Result<Socket, u16> {
        let url = format!("ws://{}/ws?ticket={ticket}", self.game);
        self.open(url.into_client_request().unwrap())
    }

    fn open(&self, request: Request) -> Result<Socket, u16> {
        let stream = TcpStream::connect(self.game).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Waits for the end and returns the exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not end")
    }

    /// Ends it as an operator would.
    pub fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.exit_code(), Some(0));
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // Of no use when it has ended, and then an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The next text message.
pub fn text(socket: &mut Socket) -> String {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return text.as_str().to_owned(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("a text was expected, not {other:?}"),
        }
    }
}

/// The code of the Close that comes next, whatever comes before.
pub fn close_code(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(close) = socket.read().unwrap() {
            return close.unwrap().code.into();
        }
    }
}
