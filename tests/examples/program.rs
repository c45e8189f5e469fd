//! An example as its readers start it, and what it prints.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

const CONNECT: &str = "cargo run --example client -- ";

/// A running example. It ends with the test.
pub struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, &[])
    }

    pub fn start_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary(name))
            .args(arguments)
            .env_remove("SECRET")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Self {
            child,
            input,
            lines,
        }
    }

    /// The next line that it prints. `None` when it ends instead.
    pub fn next_line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line came"),
        }
    }

    /// The next line is this one.
    #[track_caller]
    pub fn prints(&self, line: &str) {
        assert_eq!(self.next_line().as_deref(), Some(line));
    }

    /// Waits for a line that begins so, and returns the rest of it.
    #[track_caller]
    pub fn rest_of(&self, beginning: &str) -> String {
        loop {
            let line = self.next_line();
            let line = line.unwrap_or_else(|| panic!("it ended before it printed {beginning:?}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    pub fn type_line(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An example that is a server.
pub struct Server(Program);

impl Server {
    pub fn start(name: &str) -> Self {
        Self::start_on(name, &[&free_address()])
    }

    pub fn start_on(name: &str, addresses: &[&str]) -> Self {
        Self::start_with(name, addresses, &[])
    }

    pub fn start_with(name: &str, addresses: &[&str], variables: &[(&str, &str)]) -> Self {
        Self(Program::start_with(name, addresses, variables))
    }

    /// Waits for a line that begins so, and returns the rest of it.
    #[track_caller]
    pub fn rest_of(&self, beginning: &str) -> String {
        self.0.rest_of(beginning)
    }

    /// The address and the token of the next command that it prints, for whichever player that is.
    pub fn next_command(&self) -> (String, String) {
        let arguments = self.0.rest_of(CONNECT);
        let (url, token) = arguments.split_once(' ').unwrap();
        (url.to_owned(), token.to_owned())
    }

    /// The commands for so many players.
    pub fn commands<const N: usize>(&self) -> [(String, String); N] {
        std::array::from_fn(|_| self.next_command())
    }
}

/// Runs the example `client` as the command says, until it says what became of it.
pub fn try_to_connect((url, token): &(String, String)) -> Result<Program, String> {
    // A subprotocol may follow the token.
    let arguments: Vec<_> = [url.as_str()].into_iter().chain(token.split(' ')).collect();
    let client = Program::start("client", &arguments);
    match client.next_line().expect("it says whether it is connected") {
        line if line == "connected" => Ok(client),
        line => Err(line),
    }
}

/// The same when nothing else is expected than that it is connected.
#[track_caller]
pub fn connect(command: &(String, String)) -> Program {
    try_to_connect(command).unwrap_or_else(|line| panic!("{line}"))
}

/// An address of this machine with a port that nobody listens on.
pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Cargo builds the examples next to the tests.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let binary = built.join("examples").join(name);
    let binary = binary.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        binary.exists(),
        "run `cargo build --examples` first: {}",
        binary.display()
    );
    binary
}
