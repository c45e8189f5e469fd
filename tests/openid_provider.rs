//! A real OpenID provider issues tokens, changes its keys and withdraws the old one.

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bevy_bouncer::*;
use support::*;

/// The provider's process. It ends with its standard input.
struct Provider {
    issuer: String,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    child: Child,
}

impl Provider {
    /// `None` when Node is not installed, which is an error in CI.
    fn start() -> Option<Self> {
        if Command::new("npm").arg("--version").output().is_err() {
            let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!in_ci, "node and npm must be installed");
            eprintln!("skipped: node and npm are not installed");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openid");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openid");
        fs::create_dir_all(&folder).unwrap();
        for file in ["package.json", "package-lock.json", "provider.mjs"] {
            fs::copy(source.join(file), folder.join(file)).unwrap();
        }
        let installed = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(installed.success(), "npm ci");
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        Some(Self {
            issuer: read_line(&mut answers),
            commands: child.stdin.take().unwrap(),
            answers,
            child,
        })
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        assert_eq!(read_line(&mut self.answers), command);
    }

    /// A new access token of `player-1`.
    fn token(&self) -> String {
        let address = self.issuer.strip_prefix("http://").unwrap();
        let form = "grant_type=client_credentials&scope=play";
        // player-1:the-secret-of-the-tests-client
        let basic = "cGxheWVyLTE6dGhlLXNlY3JldC1vZi10aGUtdGVzdHMtY2xpZW50";
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Authorization: Basic {basic}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = Answer::parse(&answer).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// A token whose key comes just after a fetch is refused until the next one may begin.
fn eventually(game: &mut Game, token: &str) -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match game.connect(token) {
            Ok(client) => return client,
            Err(refusal) => assert!(Instant::now() < deadline, "{refusal:?}"),
        }
    }
}

#[test]
fn tokens_of_a_provider_let_in_until_their_key_is_withdrawn() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let mut options = RemoteKeyOptions::default();
    options.minimum_interval = Duration::from_millis(50);
    options.refresh_interval = Duration::from_millis(200);
    let keys = RemoteKeys::discover(&provider.issuer, options).unwrap();
    let players = MapDirectory::new([User::new("player-1", "Ann").unwrap()]);
    let tokens = JwtAuthenticator::remote(keys)
        .audience(AUDIENCE)
        .users(players);
    let mut config = config();
    config.limits.duplicate_login = DuplicateLogin::Allow;
    config.limits.connections_per_user = 100;
    config.limits.recheck_interval = Duration::from_millis(300);
    let mut game = Game::open(BouncerPlugin::bind(config, tokens).unwrap());

    let old = provider.token();
    let mut early = game.connect(&old).unwrap();
    assert_eq!(game.bouncer.players()[0].user.name(), "Ann");

    provider.tell("overlap");
    let new = provider.token();
    let mut late = eventually(&mut game, &new);
    assert!(game.connect(&old).is_ok(), "both are good for a while");
    early.settle();

    provider.tell("withdraw");
    game.until("the session of the old key ends", |game| {
        let of_the_old_key = |left: &(_, DisconnectReason)| left.1 == DisconnectReason::Revoked;
        game.seen().left.iter().any(of_the_old_key)
    });
    assert_eq!(early.close_code(), 4101);
    assert_eq!(game.connect(&old).err().unwrap().status, 401);
    late.settle();
    assert!(game.connect(&provider.token()).is_ok());
}
