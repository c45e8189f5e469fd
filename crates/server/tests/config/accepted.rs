//! What the file may say.

use std::{path::Path, time::Duration};

use bevy_bouncer::{Drain, DuplicateLogin, ForwardedHeader, TlsConfig};

use crate::config::{Settings, tokens::KeySource, users::UserSource};

const WHOLE: &str = r#"
listen = "127.0.0.1:9005"
path = "/play"
origins = ["https://game.example"]
subprotocols = ["game.v1"]
trusted_proxies = ["10.0.0.0/8", "192.0.2.7"]
forwarded_header = "forwarded"
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

/// What no file can do without.
pub const LEAST: &str = r#"
listen = "127.0.0.1:9005"
auth = { secret_env = "SECRET" }
users = { sqlite = "players.db" }
"#;

/// The settings of a file in `/srv/game`, or the error.
pub fn parse(text: &str) -> Result<Settings, String> {
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
    assert_eq!(settings.door.forwarded_header, ForwardedHeader::Forwarded);
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

#[test]
fn every_audience_of_a_provider_needs_a_word() {
    let with_auth = |auth: &str| {
        let auth = format!("auth = {{ {auth} }}");
        parse(&changed(r#"auth = { secret_env = "SECRET" }"#, &auth))
    };
    for keys in [
        r#"jwks_url = "https://login.example/keys""#,
        r#"discovery = true, issuer = "https://login.example""#,
    ] {
        assert!(with_auth(keys).is_err(), "{keys}");
        let settings = with_auth(&format!("{keys}, any_audience = true")).unwrap();
        assert_eq!(settings.tokens.audience, None);
        // No text means every audience.
        for text in ["*", "any", "true"] {
            let settings = with_auth(&format!("{keys}, audience = \"{text}\"")).unwrap();
            assert_eq!(settings.tokens.audience.as_deref(), Some(text));
        }
    }
}

/// Replaces one line of a good file, or adds to it.
pub fn changed(line: &str, replacement: &str) -> String {
    assert!(LEAST.contains(line), "{line:?} is in the file");
    LEAST.replacen(line, replacement, 1)
}
