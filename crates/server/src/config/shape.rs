//! The shape of the configuration file, before anything is checked.

use std::path::PathBuf;

use bevy_bouncer::{ForwardedHeader, Limits, MessageOptions, RemoteKeyOptions};
use serde::Deserialize;
use toml::Table;

use crate::problem::Problem;

/// Fields of the file's format that this server does not offer yet.
const NOT_BUILT: [&str; 1] = ["revocations.redis"];

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub listen: Option<String>,
    pub path: Option<String>,
    #[serde(default)]
    pub origins: Vec<String>,
    #[serde(default)]
    pub subprotocols: Vec<String>,
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    #[serde(default)]
    pub forwarded_header: ForwardedHeader,
    pub tick_hz: Option<u32>,
    #[serde(default)]
    pub echo: bool,
    pub auth: Option<Auth>,
    pub users: Option<Users>,
    pub revocations: Option<Revocations>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub messages: MessageOptions,
    pub tls: Option<Tls>,
    #[serde(default)]
    pub allow_plaintext: bool,
    pub admin: Option<Admin>,
    pub cluster: Option<Cluster>,
    #[serde(default)]
    pub drain: Drain,
}

/// `[auth]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    #[serde(default)]
    pub any_audience: bool,
    pub jwks_file: Option<PathBuf>,
    pub jwks_url: Option<String>,
    #[serde(default)]
    pub discovery: bool,
    #[serde(default)]
    pub remote_keys: RemoteKeyOptions,
    pub public_key_file: Option<PathBuf>,
    pub secret_env: Option<String>,
}

/// `[users]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    pub fixed: Option<Vec<FixedUser>>,
    pub sqlite: Option<PathBuf>,
}

/// One of `users.fixed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedUser {
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// `[revocations]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    pub sqlite: Option<PathBuf>,
}

/// `[tls]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// `[admin]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub listen: Option<String>,
    #[serde(default)]
    pub allow_plaintext: bool,
    pub token_env: Option<String>,
}

/// `[cluster]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub redis_url_env: Option<String>,
    pub redis_url: Option<String>,
    pub node: Option<String>,
    pub key_prefix: Option<String>,
    pub max_lag_seconds: Option<f64>,
    pub reconcile_interval_seconds: Option<f64>,
    pub command_timeout_seconds: Option<f64>,
    pub seat_lifetime_seconds: Option<f64>,
}

/// `[drain]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    pub deadline_seconds: Option<f64>,
    /// The soonest and the latest.
    pub come_back_seconds: Option<[f64; 2]>,
    pub refuse_seconds: Option<f64>,
    pub batch: Option<usize>,
}

impl Shape {
    /// Reads the file's text. An error names the field with its section.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let table: Table = text.parse().map_err(|error| not_toml(text, &error))?;
        for field in NOT_BUILT {
            if is_present(&table, field) {
                return Err(Problem::config(field, "not built yet"));
            }
        }
        serde_path_to_error::deserialize(table).map_err(|error| {
            let reason = error.inner().message().to_owned();
            Problem::config(error.path().to_string(), reason)
        })
    }
}

/// Says where, but does not quote: a secret may stand there by mistake.
fn not_toml(text: &str, error: &toml::de::Error) -> Problem {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.unwrap_or_default().matches('\n').count() + 1;
    Problem::config("config", format!("line {line}: {}", error.message()))
}

fn is_present(table: &Table, field: &str) -> bool {
    match field.split_once('.') {
        None => table.contains_key(field),
        Some((section, key)) => table
            .get(section)
            .and_then(|section| section.as_table())
            .is_some_and(|section| section.contains_key(key)),
    }
}
