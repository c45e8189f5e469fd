//! The configuration of the servers in these tests.

/// All sections; the ports are the system's choice.
pub const CONFIG: &str = r#"
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

/// The line with the users.
pub const FIXED_USERS: &str =
    r#"fixed = [{ id = "player-1", name = "Ann" }, { id = "player-2", name = "Ben" }]"#;

/// Changes one part of the configuration.
pub fn config(part: &str, replacement: &str) -> String {
    assert!(CONFIG.contains(part), "{part:?} is in the configuration");
    CONFIG.replacen(part, replacement, 1)
}
