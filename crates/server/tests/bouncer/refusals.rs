//! What stops the server from starting: the exit code and the field.

use std::net::TcpListener;

use crate::{
    config::{CONFIG, FIXED_USERS, config},
    database::Lock,
    process::Folder,
};

/// The exit code and the field of the error that stops the server.
fn refused(folder: &Folder) -> (Option<i32>, String) {
    refused_by(folder, &[])
}

/// The exit code and the field of the error that stops this command.
fn refused_by(folder: &Folder, command: &[&str]) -> (Option<i32>, String) {
    let output = folder.run(command);
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
    let tls = |cert: &str, key: &str| {
        format!("[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n[limits]")
    };
    let cases = [
        (config("tick_hz = 60", "tick_hz = 0"), "tick_hz"),
        (config("tick_hz = 60", "tick_hertz = 60"), "tick_hertz"),
        (config("[limits]", "[tls]\n[limits]"), "tls.cert_file"),
        (
            config("[limits]", &tls("missing.pem", "missing.pem")),
            "tls.cert_file",
        ),
        (
            config("[limits]", &tls("server.toml", "server.toml")),
            "tls.cert_file",
        ),
        (
            config(r#"listen = "127.0.0.1:0""#, r#"listen = "0.0.0.0:0""#),
            "listen",
        ),
        (
            config(
                "[admin]\nlisten = \"127.0.0.1:0\"",
                "[admin]\nlisten = \"0.0.0.0:0\"",
            ),
            "admin.listen",
        ),
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
            config(secret, r#"jwks_url = "http://a.example""#),
            "auth.jwks_url",
        ),
        (
            config(
                "audience = \"game\"\nsecret_env = \"TEST_SECRET\"",
                r#"jwks_url = "https://a.example""#,
            ),
            "auth.audience",
        ),
        (
            config(admin, r#"token_env = "TEST_NOT_SET""#),
            "admin.token_env",
        ),
        (config(admin, r#"token_env = "SHORT""#), "admin.token_env"),
    ];
    for (text, field) in cases {
        let folder = Folder::new(&text);
        let expected = (Some(2), field.to_owned());
        assert_eq!(refused(&folder), expected, "{text}");
        let checked = refused_by(&folder, &["check-config"]);
        assert_eq!(checked, expected, "check-config: {text}");
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
    let cases = [
        (CONFIG.to_owned(), "revocations.db", "revocations.sqlite"),
        (
            config(FIXED_USERS, r#"sqlite = "players.db""#),
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
        let expected = (Some(1), field.to_owned());
        assert_eq!(refused(&folder), expected, "a folder");
        assert_eq!(refused_by(&folder, &["check-config"]), expected);

        let elsewhere = Folder::new(&text.replace(database, "nowhere/a.db"));
        assert_eq!(refused(&elsewhere), expected, "no folder");
        assert_eq!(refused_by(&elsewhere, &["check-config"]), expected);
    }
}
