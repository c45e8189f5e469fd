//! The servers: Redis and nodes, each a process of its own.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What tokens are signed with.
pub const SECRET: &str = "a secret of the benchmark, which is long enough for HS256";
const ADMIN_TOKEN: &str = "a-token-of-the-operator";

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Ends with its owner.
pub struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program is there"))
    }

    /// Seconds of processor time so far.
    pub fn cpu(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.0.id());
        let text = fs::read_to_string(path).expect("the process runs");
        let after_name = text.rsplit(')').next().unwrap_or_default();
        let fields: Vec<u64> = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse().ok())
            .collect();
        fields.iter().sum::<u64>() as f64 / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Redis server that writes each change to the disk before it answers.
pub struct Redis {
    /// The process.
    pub process: Process,
    url: String,
}

impl Redis {
    /// Starts one in this folder.
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        let process = Process::start(
            Command::new("redis-server")
                .args(["--port", &port.to_string(), "--save", "", "--dir"])
                .arg(folder)
                .args(["--appendonly", "yes", "--appendfsync", "always"])
                .stdout(Stdio::null()),
        );
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "Redis does not start");
            thread::sleep(Duration::from_millis(10));
        }
        let url = format!("redis://127.0.0.1:{port}/");
        Self { process, url }
    }
}

/// One server.
pub struct Node {
    /// Where players connect.
    pub game: SocketAddr,
    /// The process; none while it is dead.
    pub process: Option<Process>,
    admin: SocketAddr,
    config: PathBuf,
}

impl Node {
    /// Starts the node with this number.
    pub fn start(folder: &Path, number: usize, players: usize, redis: &Redis) -> Self {
        let (game, admin) = (free_port(), free_port());
        let users: Vec<_> = (0..players)
            .map(|player| format!("{{ id = \"u{player}\", name = \"P{player}\" }}"))
            .collect();
        let text = format!(
            "listen = \"127.0.0.1:{game}\"\n\
             [auth]\nsecret_env = \"SECRET\"\n\
             [users]\nfixed = [{}]\n\
             [limits]\nconnections_per_ip = 100000\nhandshakes_per_ip_per_minute = 1000000\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\ntoken_env = \"ADMIN\"\n\
             [cluster]\nredis_url = \"{}\"\nnode = \"node-{number}\"\n",
            users.join(",\n"),
            redis.url
        );
        let config = folder.join(format!("node-{number}.toml"));
        fs::write(&config, text).expect("the folder can be written");
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut node = Self {
            game: address(game),
            admin: address(admin),
            process: None,
            config,
        };
        node.restart();
        node
    }

    /// Starts it again, and waits until it lets players in. Returns how long that took.
    pub fn restart(&mut self) -> Duration {
        let begun = Instant::now();
        let program = std::env::var("BOUNCER").expect("BOUNCER names the server's binary");
        self.process = Some(Process::start(
            Command::new(program)
                .arg("--config")
                .arg(&self.config)
                .env("SECRET", SECRET)
                .env("ADMIN", ADMIN_TOKEN)
                .env("RUST_LOG", "error")
                .stdout(Stdio::null())
                .stderr(Stdio::inherit()),
        ));
        while self.request("GET", "/readyz", "") != 200 {
            assert!(begun.elapsed() < PATIENCE, "the node does not start");
            thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Revokes by the operator's API; returns when that was acknowledged.
    pub fn revoke(&self, subject: &str) -> Instant {
        assert_eq!(self.request("POST", "/v1/revoke", subject), 200);
        Instant::now()
    }

    /// The status of the answer; 0 without one.
    fn request(&self, method: &str, path: &str, body: &str) -> u16 {
        let mut answer = String::new();
        let mut exchange = || {
            let mut stream = TcpStream::connect(self.admin)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\
                 Authorization: Bearer {ADMIN_TOKEN}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
            stream.read_to_string(&mut answer)
        };
        match exchange() {
            Ok(_) => answer
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .unwrap_or(0),
            Err(_) => 0,
        }
    }
}
