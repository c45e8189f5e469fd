//! The headless server from outside: the built example as a process, real sockets, real signals.
#![cfg(all(unix, feature = "admin", feature = "sqlite"))]

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use headless_process::{ADMIN_TOKEN, Folder, SECRET, close_code, text};
use http_client::{Answer, request};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

mod headless_process;
#[expect(dead_code, reason = "the tests of the admin API look closer")]
mod http_client;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
path = "/ws"
origins = ["https://game.example"]
subprotocols = ["game.v1"]
tick_hz = 60
echo = false

[auth]
issuer = "https://issuer.example"
audience = "game"
secret_env = "TEST_SECRET"

[users]
fixed = [{ id = "player-1", name = "Ann" }, { id = "player-2", name = "Ben" }]

[revocations]
sqlite = "revocations.db"

[limits]
connections_per_ip = 10000
handshakes_per_ip_per_minute = 100000

[admin]
listen = "127.0.0.1:0"
token_env = "TEST_ADMIN_TOKEN"
"#;

/// A key pair for these tests only (Ed25519).
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIB1evz49fLVauXgJS+nlRCF/kddrCwNlZJObUzJse9q+
-----END PRIVATE KEY-----
";
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAONHPcmvRXLap+BFDEZk3ZPPBerx03dY4sGA40AUtxVc=
-----END PUBLIC KEY-----
";
const PUBLIC_JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA",
"kid":"k1","x":"ONHPcmvRXLap-BFDEZk3ZPPBerx03dY4sGA40AUtxVc"}]}"#;

/// Changes one part of the configuration.
fn config(part: &str, replacement: &str) -> String {
    assert!(CONFIG.contains(part), "{part:?} is in the configuration");
    CONFIG.replacen(part, replacement, 1)
}

/// A token of a login service with its own key pair.
fn token_of_a_login_service(user: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({
        "iss": "https://issuer.example",
        "aud": "game",
        "sub": user,
        "iat": now.as_secs(),
        "exp": now.as_secs() + 60,
    });
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("k1".to_owned());
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes()).unwrap();
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

fn post(admin: SocketAddr, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    request(admin, "POST", path, Some(&bearer), &body.to_string())
}

#[test]
fn what_one_player_writes_everybody_reads_with_the_name_the_server_knows() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    ann.send(Message::binary(vec![1, 2, 3])).unwrap();
    ann.send(Message::text(r#"{"from":"Ben"} "hi""#)).unwrap();
    for socket in [&mut ann, &mut ben] {
        let message: Value = serde_json::from_str(&text(socket)).unwrap();
        assert_eq!(
            message,
            json!({"from": {"id": "player-1", "name": "Ann"}, "text": r#"{"from":"Ben"} "hi""#})
        );
    }
}

#[test]
fn echo_goes_back_to_the_sender_as_it_came() {
    let folder = Folder::new(&config("echo = false", "echo = true"));
    let server = folder.start();
    let mut ann = server.join(&folder.token("player-1")).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();
    ann.send(Message::text("one")).unwrap();
    ann.send(Message::binary(vec![0, 255])).unwrap();
    ben.send(Message::text("two")).unwrap();
    assert_eq!(ann.read().unwrap(), Message::text("one"));
    assert_eq!(ann.read().unwrap(), Message::binary(vec![0, 255]));
    assert_eq!(ben.read().unwrap(), Message::text("two"));
}

#[test]
fn a_stranger_stays_outside() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let known = folder.token("player-1");
    let forged = format!("{}x", &known[..known.len() - 1]);
    for token in ["", "not-a-token", &forged, &folder.token("nobody")] {
        assert_eq!(server.join(token).err(), Some(401));
    }
    let browser = format!("game.v1, bearer.{known}");
    let carried_twice = server.join_as_requested(&format!("Bearer {known}"), Some(&browser));
    assert_eq!(carried_twice.err(), Some(400));
}

#[test]
fn a_revoked_player_is_cut_and_stays_out_after_a_restart_until_restored() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start();
    let token = folder.token("player-1");
    let mut ann = server.join(&token).unwrap();
    let mut ben = server.join(&folder.token("player-2")).unwrap();

    let answer = post(server.admin(), "/v1/revoke", &json!({"user": "player-1"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(close_code(&mut ann), 4101);
    assert_eq!(server.join(&token).err(), Some(401));
    assert_eq!(
        server.join(&folder.token("player-1")).err(),
        Some(401),
        "a new token does not help"
    );
    ben.send(Message::text("still here")).unwrap();
    assert!(text(&mut ben).contains("still here"));
    drop((ann, ben));
    server.stop();

    let mut server = folder.start();
    assert_eq!(server.join(&token).err(), Some(401), "after a restart");
    let answer = post(server.admin(), "/v1/restore", &json!({"user": "player-1"}));
    assert_eq!(answer.status, 200);
    assert!(server.join(&token).is_ok());
    server.stop();

    let server = folder.start();
    assert!(server.join(&token).is_ok(), "restored after a restart, too");
}

#[test]
fn sigterm_and_sigint_say_good_bye_and_exit_with_0() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new(CONFIG);
        let mut server = folder.start();
        let mut ann = server.join(&folder.token("player-1")).unwrap();
        let mut ben = server.join(&folder.token("player-2")).unwrap();
        server.signal(signal);
        assert_eq!(close_code(&mut ann), 1001, "SIG{signal}");
        assert_eq!(close_code(&mut ben), 1001, "SIG{signal}");
        // The client library has queued the answer to the Close; send it.
        let _ = (ann.flush(), ben.flush());
        assert_eq!(server.exit_code(), Some(0), "SIG{signal}");
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    let patient = "[limits]\nclose_timeout_seconds = 60\nshutdown_timeout_seconds = 60";
    let folder = Folder::new(&config("[limits]", patient));
    let mut server = folder.start();
    // This one never answers the Close.
    let _mute = server.join(&folder.token("player-1")).unwrap();
    server.signal("TERM");
    server.logged("stopping");
    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn keys_of_a_login_service_come_from_a_file() {
    let secret = r#"secret_env = "TEST_SECRET""#;
    let sources = [
        (r#"jwks_file = "keys/jwks.json""#, PUBLIC_JWKS),
        (r#"public_key_file = "keys/jwks.json""#, PUBLIC_KEY),
    ];
    for (line, keys) in sources {
        let folder = Folder::new(&config(secret, line));
        std::fs::create_dir(folder.path("keys")).unwrap();
        folder.write("keys/jwks.json", keys);
        let server = folder.start();
        let token = token_of_a_login_service("player-1");
        assert!(server.join(&token).is_ok(), "{line}");
        let unknown = token_of_a_login_service("nobody");
        assert_eq!(server.join(&unknown).err(), Some(401), "{line}");

        let output = folder.run(&["token", "--user", "player-1"]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            complaint.starts_with("error: auth.secret_env: "),
            "{complaint}"
        );
    }
}

#[test]
fn users_of_a_database_are_looked_up() {
    let fixed = r#"fixed = [{ id = "player-1", name = "Ann" }, { id = "player-2", name = "Ben" }]"#;
    let folder = Folder::new(&config(fixed, r#"sqlite = "players.db""#));
    let server = folder.start();
    let token = folder.token("player-1");
    assert_eq!(server.join(&token).err(), Some(401), "the table is empty");
    execute(
        &folder,
        "players.db",
        "INSERT INTO users (id, name) VALUES ('player-1', 'Ann')",
    );
    let mut ann = server.join(&token).unwrap();
    ann.send(Message::text("hi")).unwrap();
    assert!(text(&mut ann).contains(r#""name":"Ann""#));
}

#[test]
fn without_a_store_the_log_says_that_revocations_end_with_the_process() {
    let folder = Folder::new(&config("[revocations]\nsqlite = \"revocations.db\"\n", ""));
    let mut server = folder.start();
    server.logged("revocations are kept in memory only");
    server.stop();
}

#[test]
fn secrets_are_not_in_the_log() {
    let folder = Folder::new(CONFIG);
    let mut server = folder.start_logging("trace");
    let token = folder.token("player-1");
    let admin = server.admin();
    let _ann = server.join(&token).unwrap();
    assert_eq!(server.join("not-a-token").err(), Some(401));
    let wrong = request(admin, "GET", "/v1/players", Some("Bearer guessed"), "");
    assert_eq!(wrong.status, 401);
    post(admin, "/v1/revoke", &json!({"user": "player-1"}));
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    let log = server.whole_log();
    assert!(log.contains("revoke"), "{log}");
    for secret in [
        token.as_str(),
        "not-a-token",
        "guessed",
        ADMIN_TOKEN,
        SECRET,
    ] {
        assert!(!log.contains(secret), "{secret:?} is in the log: {log}");
    }
}

/// The exit code and the field of the error that stops the server.
fn refused(folder: &Folder) -> (Option<i32>, String) {
    let output = folder.run(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let field = stderr
        .lines()
        .find_map(|line| line.strip_prefix("error: "))
        .and_then(|line| line.split_once(": "))
        .map(|(field, _)| field.to_owned());
    let code = output.status.code();
    (code, field.unwrap_or_else(|| panic!("no error: {stderr}")))
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_2_and_names_the_field() {
    let secret = r#"secret_env = "TEST_SECRET""#;
    let admin = r#"token_env = "TEST_ADMIN_TOKEN""#;
    let cases = [
        (config("tick_hz = 60", "tick_hz = 0"), "tick_hz"),
        (config("tick_hz = 60", "tick_hertz = 60"), "tick_hertz"),
        (config("[limits]", "[tls]\n[limits]"), "tls"),
        (
            config("connections_per_ip = 10000", "connections_per_ip = 0"),
            "limits.connections_per_ip",
        ),
        (
            config(secret, r#"secret_env = "TEST_NOT_SET""#),
            "auth.secret_env",
        ),
        (config(secret, r#"secret_env = "SHORT""#), "auth.secret_env"),
        (
            config(secret, r#"jwks_file = "missing.json""#),
            "auth.jwks_file",
        ),
        (
            config(secret, r#"jwks_file = "server.toml""#),
            "auth.jwks_file",
        ),
        (
            config(secret, r#"public_key_file = ".""#),
            "auth.public_key_file",
        ),
        (
            config(secret, r#"public_key_file = "server.toml""#),
            "auth.public_key_file",
        ),
        (
            config(secret, r#"jwks_url = "https://a.example""#),
            "auth.jwks_url",
        ),
        (
            config(admin, r#"token_env = "TEST_NOT_SET""#),
            "admin.token_env",
        ),
        (config(admin, r#"token_env = "SHORT""#), "admin.token_env"),
    ];
    for (text, field) in cases {
        let folder = Folder::new(&text);
        assert_eq!(refused(&folder), (Some(2), field.to_owned()), "{text}");
    }
    let folder = Folder::new(&config(secret, r#"secret_env = "TEST_NOT_SET""#));
    let output = folder.run(&[]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("TEST_NOT_SET"), "{complaint}");

    let empty = Folder::new("");
    std::fs::remove_file(empty.path("server.toml")).unwrap();
    assert_eq!(refused(&empty), (Some(2), "config".to_owned()));
}

#[test]
fn a_port_in_use_ends_with_1_and_names_the_field() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("listen = {:?}", taken.local_addr().unwrap().to_string());
    let game = Folder::new(&config(r#"listen = "127.0.0.1:0""#, &line));
    assert_eq!(refused(&game), (Some(1), "listen".to_owned()));
    let admin = format!("[admin]\n{line}");
    let admin = Folder::new(&config("[admin]\nlisten = \"127.0.0.1:0\"", &admin));
    assert_eq!(refused(&admin), (Some(1), "admin.listen".to_owned()));
}

#[test]
fn a_locked_or_broken_database_ends_with_1_and_names_the_field() {
    let fixed = r#"fixed = [{ id = "player-1", name = "Ann" }, { id = "player-2", name = "Ben" }]"#;
    let cases = [
        (CONFIG.to_owned(), "revocations.db", "revocations.sqlite"),
        (
            config(fixed, r#"sqlite = "players.db""#),
            "players.db",
            "users.sqlite",
        ),
    ];
    for (text, database, field) in cases {
        let locked = Folder::new(&text);
        let lock = Lock::exclusive(&locked, database);
        assert_eq!(refused(&locked), (Some(1), field.to_owned()), "locked");
        drop(lock);

        let broken = Folder::new(&text);
        broken.write(database, &"this is not a database ".repeat(100));
        assert_eq!(refused(&broken), (Some(1), field.to_owned()), "broken");

        let folder = Folder::new(&text);
        std::fs::create_dir(folder.path(database)).unwrap();
        assert_eq!(refused(&folder), (Some(1), field.to_owned()), "a folder");
    }
}

#[test]
fn the_token_command_checks_what_it_is_asked_for() {
    let folder = Folder::new(CONFIG);
    let token = folder.token("player-1");
    assert_eq!(token.split('.').count(), 3);
    for arguments in [
        &["token"][..],
        &["token", "--user", ""],
        &["token", "--user", "a", "--ttl-seconds", "0"],
        &["token", "--user", "a", "--ttl-seconds", "86401"],
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(output.stderr.starts_with(b"error: "));
    }
}

#[test]
fn a_token_lives_as_long_as_asked() {
    let folder = Folder::new(CONFIG);
    let server = folder.start();
    let output = folder.run(&["token", "--user", "player-1", "--ttl-seconds", "2"]);
    let token = String::from_utf8(output.stdout).unwrap();
    let joined = Instant::now();
    let mut ann = server.join(token.trim()).unwrap();
    assert_eq!(close_code(&mut ann), 4100);
    assert!(joined.elapsed() < Duration::from_secs(10));
}

/// A database that nobody else can use.
struct Lock {
    runtime: tokio::runtime::Runtime,
    connection: Option<sqlx::SqliteConnection>,
}

impl Lock {
    fn exclusive(folder: &Folder, database: &str) -> Self {
        let (runtime, mut connection) = open(folder, database);
        runtime
            .block_on(sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection))
            .unwrap();
        Self {
            runtime,
            connection: Some(connection),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let connection = self.connection.take();
        self.runtime.block_on(async move { drop(connection) });
    }
}

fn open(folder: &Folder, database: &str) -> (tokio::runtime::Runtime, sqlx::SqliteConnection) {
    use sqlx::ConnectOptions;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path(database))
        .create_if_missing(true);
    let connection = runtime.block_on(options.connect()).unwrap();
    (runtime, connection)
}

fn execute(folder: &Folder, database: &str, statement: &'static str) {
    let (runtime, mut connection) = open(folder, database);
    runtime
        .block_on(sqlx::query(statement).execute(&mut connection))
        .unwrap();
}
