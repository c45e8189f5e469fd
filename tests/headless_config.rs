//! The configuration file of the headless server: what it accepts, and that every refusal names the
//! field.
#![cfg(feature = "tls")]

#[expect(
    dead_code,
    reason = "parts of the example's modules are used by the example only"
)]
#[path = "../examples/headless"]
mod headless {
    #[path = "config.rs"]
    pub mod config;
    #[path = "file.rs"]
    pub mod file;
    #[path = "problem.rs"]
    pub mod problem;
    #[path = "shape.rs"]
    pub mod shape;
}

use std::{path::Path, time::Duration};

use bevy_bouncer::{Drain, DuplicateLogin, TlsConfig};
use headless::config::{KeySource, Settings, UserSource};

const WHOLE: &str = r#"
listen = "127.0.0.1:9005"
path = "/play"
origins = ["https://game.example"]
subprotocols = ["game.v1"]
trusted_proxies = ["10.0.0.0/8", "192.0.2.7"]
tick_hz = 50
echo = true

[auth]
issuer = "https://issuer.example"
audience = "game"
jwks_file = "jwks.json"

[users]
fixed = [{ id = "player-1", name = "Ann", roles = ["moderator"] }, { id = "player-2" }]

[revocations]
sqlite = "revocations.db"

[limits]
connections_per_user = 32
connections_per_ip = 10000
duplicate_login = "kick_old"
handshakes_per_ip_per_minute = 100000
max_message_bytes = 65536
max_frame_bytes = 65536
inbound_frames_per_second = 60
inbound_frames_burst = 120
inbound_bytes_per_second = 262144
outgoing_queue_messages = 256
outgoing_queue_bytes = 262144
expiry_grace_seconds = 0

[tls]
cert_file = "cert.pem"
key_file = "keys/key.pem"

[admin]
listen = "127.0.0.1:9006"
token_env = "BOUNCER_ADMIN_TOKEN"

[drain]
deadline_seconds = 90
come_back_seconds = [2, 20.5]
refuse_seconds = 5
batch = 50
"#;

const LEAST: &str = r#"
listen = "127.0.0.1:9005"
auth = { secret_env = "SECRET" }
users = { sqlite = "players.db" }
"#;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(text, Path::new("/srv/game")).map_err(|problem| problem.to_string())
}

#[test]
fn every_field_arrives() {
    let settings = parse(WHOLE).unwrap();
    assert_eq!(settings.door.listen, "127.0.0.1:9005");
    assert_eq!(settings.door.path, "/play");
    assert_eq!(settings.door.origins, ["https://game.example"]);
    assert_eq!(settings.door.subprotocols, ["game.v1"]);
    assert_eq!(settings.door.trusted_proxies, ["10.0.0.0/8", "192.0.2.7"]);
    assert_eq!(settings.door.limits.connections_per_user, 32);
    assert_eq!(
        settings.door.limits.duplicate_login,
        DuplicateLogin::KickOld
    );
    assert_eq!(settings.door.limits.expiry_grace, Duration::ZERO);
    assert_eq!(settings.tick, Duration::from_millis(20));
    assert!(settings.echo);
    assert_eq!(
        settings.tokens.issuer.as_deref(),
        Some("https://issuer.example")
    );
    assert_eq!(settings.tokens.audience.as_deref(), Some("game"));
    assert!(matches!(&settings.tokens.key,
        KeySource::JwksFile(file) if file == Path::new("/srv/game/jwks.json")));
    let UserSource::Fixed(users) = &settings.users else {
        panic!("fixed users")
    };
    assert_eq!(
        (users[0].name(), users[0].has_role("moderator")),
        ("Ann", true)
    );
    assert_eq!(users[1].name(), "player-2", "the id stands in for the name");
    assert_eq!(
        settings.revocations.as_deref(),
        Some(Path::new("/srv/game/revocations.db"))
    );
    assert_eq!(
        settings.door.tls,
        Some(TlsConfig::new(
            "/srv/game/cert.pem",
            "/srv/game/keys/key.pem"
        ))
    );
    let seconds = Duration::from_secs_f64;
    let drain = Drain::within(seconds(90.0)).come_back_in(seconds(2.0)..=seconds(20.5));
    assert_eq!(settings.drain, drain.refuse_for(seconds(5.0)).batch(50));
    let admin = settings.admin.unwrap();
    assert_eq!(
        (admin.listen.as_str(), admin.token_env.as_str()),
        ("127.0.0.1:9006", "BOUNCER_ADMIN_TOKEN")
    );
}

#[test]
fn the_readmes_file_is_good_and_shows_the_defaults_of_a_drain() {
    let (_, file) = include_str!("../README.md")
        .split_once("```toml\n")
        .unwrap();
    let (file, _) = file.split_once("```").unwrap();
    assert_eq!(parse(file).unwrap().drain, Drain::default());
}

#[test]
fn most_fields_have_a_default() {
    let settings = parse(LEAST).unwrap();
    assert_eq!(settings.door.path, "/ws");
    assert_eq!(settings.tick, Duration::from_secs(1) / 60);
    assert!(!settings.echo);
    assert!(settings.revocations.is_none() && settings.admin.is_none());
    assert_eq!(settings.drain, Drain::default());
    assert!(matches!(&settings.tokens.key, KeySource::SecretEnv(name) if name == "SECRET"));
    assert!(matches!(&settings.users,
        UserSource::Sqlite(file) if file == Path::new("/srv/game/players.db")));
}

#[test]
fn plain_text_on_a_public_address_needs_a_word() {
    let public = changed("127.0.0.1", "0.0.0.0");
    assert!(parse(&public).is_err());
    let settings = parse(&format!("{public}allow_plaintext = true")).unwrap();
    assert_eq!(settings.door.listen, "0.0.0.0:9005");
    let tls = "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"";
    assert!(parse(&format!("{public}{tls}")).is_ok());
    let admin = "[admin]\nlisten = \"10.0.0.1:9006\"\ntoken_env = \"A\"";
    let admin = |word: &str| parse(&format!("{LEAST}{admin}{word}")).unwrap().admin;
    assert!(!admin("").unwrap().allow_plaintext);
    assert!(admin("\nallow_plaintext = true").unwrap().allow_plaintext);
}

/// Replaces one line of a good file, or adds to it.
fn changed(line: &str, replacement: &str) -> String {
    assert!(LEAST.contains(line), "{line:?} is in the file");
    LEAST.replacen(line, replacement, 1)
}

#[test]
fn a_refusal_names_the_field() {
    let listen = r#"listen = "127.0.0.1:9005""#;
    let auth = r#"auth = { secret_env = "SECRET" }"#;
    let users = r#"users = { sqlite = "players.db" }"#;
    let add = |text: &str| format!("{LEAST}{text}");
    let cases = [
        (changed(listen, ""), "listen: is required"),
        (changed(listen, "listen = 9005"), "listen: "),
        (changed(listen, r#"listen = "localhost""#), "listen: "),
        (changed(listen, "listen ="), "config: line 2: "),
        (changed(auth, ""), "auth: is required"),
        (changed(auth, "auth = {}"), "auth: needs exactly one of"),
        (
            changed(auth, r#"auth = { secret_env = "A", jwks_file = "b" }"#),
            "auth: needs exactly one of",
        ),
        (
            changed(auth, r#"auth = { secret_env = "" }"#),
            "auth.secret_env: ",
        ),
        (
            changed(auth, r#"auth = { jwks_file = "" }"#),
            "auth.jwks_file: ",
        ),
        (
            changed(auth, r#"auth = { secret_env = "A", issuer = "" }"#),
            "auth.issuer: ",
        ),
        (
            changed(auth, r#"auth = { secret_env = "A", audience = 7 }"#),
            "auth.audience: ",
        ),
        (
            changed(auth, r#"auth = { secret_env = "A", secert = 7 }"#),
            "auth.secert: ",
        ),
        (
            changed(
                auth,
                r#"auth = { jwks_url = "https://a.example", discovery = true }"#,
            ),
            "auth: needs exactly one of",
        ),
        (
            changed(auth, r#"auth = { discovery = "https://a.example" }"#),
            "auth.discovery: ",
        ),
        (
            changed(auth, r#"auth = { discovery = true }"#),
            "auth.issuer: is required",
        ),
        (
            changed(
                auth,
                r#"auth = { jwks_url = "https://a.example", remote_keys = { timeout = 1 } }"#,
            ),
            "auth.remote_keys.timeout: ",
        ),
        (changed(users, ""), "users: is required"),
        (changed(users, "users = {}"), "users: needs exactly one of"),
        (
            changed(users, r#"users = { sqlite = "a", fixed = [] }"#),
            "users: needs exactly one of",
        ),
        (
            changed(users, r#"users = { fixed = [{ name = "Ann" }] }"#),
            "users.fixed[0].id: is required",
        ),
        (
            changed(users, r#"users = { fixed = [{ id = "" }] }"#),
            "users.fixed[0]: ",
        ),
        (
            changed(users, r#"users = { fixed = [{ id = "a", nick = "b" }] }"#),
            "users.fixed[0].nick: ",
        ),
        (
            changed(users, r#"users = { fixed = [{ id = "a" }, { id = "a" }] }"#),
            "users.fixed[1].id: \"a\" is listed twice",
        ),
        (add("colour = 1"), "colour: "),
        (add("path = \"ws\""), "path: "),
        (add("origins = \"https://a.example\""), "origins: "),
        (add("origins = [\"a.example\"]"), "origins: "),
        (add("subprotocols = [\"a b\"]"), "subprotocols: "),
        (add("tick_hz = 0"), "tick_hz: "),
        (add("tick_hz = 1001"), "tick_hz: "),
        (add("tick_hz = -1"), "tick_hz: "),
        (add("echo = \"yes\""), "echo: "),
        (add("revocations = {}"), "revocations.sqlite: is required"),
        (
            add("revocations = { redis = \"redis://a\" }"),
            "revocations.redis: not built yet",
        ),
        (add("[limits]\nconnections = 0"), "limits.connections: "),
        (add("[limits]\nconnectons = 1"), "limits.connectons: "),
        (
            add("[limits]\nduplicate_login = \"maybe\""),
            "limits.duplicate_login: ",
        ),
        (
            add("[limits]\nhead_timeout_seconds = -1"),
            "limits.head_timeout_seconds: ",
        ),
        (add("[tls]"), "tls.cert_file: is required"),
        (
            add("[tls]\ncert_file = \"cert.pem\""),
            "tls.key_file: is required",
        ),
        (
            add("[tls]\ncert_file = \"\"\nkey_file = \"key.pem\""),
            "tls.cert_file: must not be empty",
        ),
        (add("[tls]\ncertificate = \"a\""), "tls.certificate: "),
        (
            changed(listen, r#"listen = "0.0.0.0:9005""#),
            "listen: 0.0.0.0:9005 is not a loopback address",
        ),
        (add("allow_plaintext = \"yes\""), "allow_plaintext: "),
        (
            add("[drain]\ndeadline_seconds = -1"),
            "drain.deadline_seconds: -1 is not within 0 to 3600",
        ),
        (
            add("[drain]\ndeadline_seconds = 3601"),
            "drain.deadline_seconds: ",
        ),
        (
            add("[drain]\ncome_back_seconds = 5"),
            "drain.come_back_seconds: ",
        ),
        (
            add("[drain]\ncome_back_seconds = [5, 4]"),
            "drain.come_back_seconds: must not end before it begins",
        ),
        (
            add("[drain]\nrefuse_seconds = \"5\""),
            "drain.refuse_seconds: ",
        ),
        (add("[drain]\nbatch = 0"), "drain.batch: "),
        (add("[drain]\nexit = true"), "drain.exit: "),
        (
            add("[cluster]\nnode = \"a\""),
            match cfg!(feature = "redis") {
                true => "cluster: needs exactly one of redis_url_env and redis_url",
                false => "cluster: this server was built without the feature redis",
            },
        ),
        (
            add("[revocations]\nsqlite = \"r.db\"\n[cluster]"),
            "revocations: the nodes of a cluster share theirs",
        ),
        (
            add("[limits]\nticket_lifetime_seconds = 31"),
            "limits.ticket_lifetime_seconds: ",
        ),
        (add("trusted_proxies = \"10.0.0.0/8\""), "trusted_proxies: "),
        (
            add("trusted_proxies = [\"10.0.0.1/8\"]"),
            "trusted_proxies: \"10.0.0.1/8\" has bits behind its prefix",
        ),
        (
            add("[admin]\ntoken_env = \"A\""),
            "admin.listen: is required",
        ),
        (
            add("[admin]\nlisten = \"127.0.0.1:9006\""),
            "admin.token_env: is required",
        ),
        (
            add("[admin]\nlisten = \"127.0.0.1:9005\"\ntoken_env = \"A\""),
            "admin.listen: must not be the game's own address",
        ),
        (
            add("[admin]\nlisten = \"nowhere\"\ntoken_env = \"A\""),
            "admin.listen: must be",
        ),
        (
            add("[admin]\nlisten = \"127.0.0.1:9006\"\ntoken = \"A\""),
            "admin.token: ",
        ),
    ];
    for (text, expected) in cases {
        let problem = parse(&text).expect_err(&text);
        assert!(
            problem.starts_with(expected),
            "expected {expected:?}, got {problem:?} for {text}"
        );
    }
}
