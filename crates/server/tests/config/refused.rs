//! Every refusal names the field.

use crate::accepted::{LEAST, changed, parse};

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
            changed(auth, r#"auth = { jwks_url = "https://a.example" }"#),
            "auth.audience: is required with jwks_url and discovery",
        ),
        (
            changed(
                auth,
                r#"auth = { discovery = true, issuer = "https://a.example", any_audience = false }"#,
            ),
            "auth.audience: is required with jwks_url and discovery",
        ),
        (
            changed(
                auth,
                r#"auth = { jwks_url = "https://a.example", audience = "a", any_audience = true }"#,
            ),
            "auth.any_audience: contradicts auth.audience",
        ),
        (
            changed(auth, r#"auth = { secret_env = "A", any_audience = "all" }"#),
            "auth.any_audience: ",
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
            "cluster: needs exactly one of redis_url_env and redis_url",
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
