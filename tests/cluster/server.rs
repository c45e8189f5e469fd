//! A Redis server of the test's own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server that has everything on the disk before it answers. Ends with the test.
pub struct Server {
    process: Child,
    folder: TempDir,
    preload: Option<PathBuf>,
    port: u16,
}

impl Server {
    /// Starts one, or says that there is none on this machine, which CI does not accept.
    pub fn start() -> Option<Self> {
        Self::start_with(|_| None)
    }

    /// Starts one whose clock is an hour behind, or says why there is none.
    #[allow(dead_code, reason = "each test file uses its part")]
    pub fn an_hour_behind() -> Option<Self> {
        Self::start_with(|folder| {
            let library = folder.join("behind.so");
            let source = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/cluster/an_hour_behind.c"
            );
            let compiler = Command::new("cc")
                .args(["-shared", "-fPIC", "-o"])
                .args([&library, Path::new(source)])
                .status();
            assert!(compiler.expect("a C compiler").success());
            Some(library)
        })
    }

    /// Starts one with the library that `prepare` makes.
    fn start_with(prepare: impl FnOnce(&Path) -> Option<PathBuf>) -> Option<Self> {
        let programs = ["redis-server", "valkey-server"];
        let found = programs.into_iter().any(runs);
        if !found {
            assert!(
                std::env::var_os("CI").is_none_or(|value| value != "true"),
                "redis-server is missing: install Debian's redis-server"
            );
            println!("skipped: there is no redis-server");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let preload = prepare(folder.path());
        let port = free_port();
        let process = launch(folder.path(), port, preload.as_deref());
        let server = Self {
            process,
            folder,
            preload,
            port,
        };
        server.wait();
        Some(server)
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status();
        assert!(done.unwrap().success());
    }

    /// Has it carry out one command.
    pub fn say(&self, command: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "{command}\r\n").unwrap();
        let mut answer = [0; 1];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer != *b"-", "{command}");
    }

    /// Ends it as a power failure does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with what is on the disk.
    pub fn restart(&mut self) {
        self.process = launch(self.folder.path(), self.port, self.preload.as_deref());
        self.wait();
    }

    fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not start");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn runs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn launch(folder: &Path, port: u16, preload: Option<&Path>) -> Child {
    let program = ["redis-server", "valkey-server"]
        .into_iter()
        .find(|name| runs(name))
        .unwrap();
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(["--save", "", "--dir"])
        .arg(folder)
        .envs(preload.map(|library| ("LD_PRELOAD", library)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
