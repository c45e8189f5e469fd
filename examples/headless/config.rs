//! The configuration file: from its text to settings that are known to be good.

use std::{
    collections::HashSet,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

#[cfg(feature = "jwks-url")]
use bevy_bouncer::RemoteKeyOptions;
use bevy_bouncer::{BouncerConfig, ClusterOptions, Drain, TlsConfig, User};

use super::{
    file,
    problem::Problem,
    shape::{self, Shape},
};

/// Everything that the file says, checked. Paths are ready to use.
#[derive(Debug)]
pub struct Settings {
    pub door: BouncerConfig,
    /// Time from one tick to the next.
    pub tick: Duration,
    /// Whether messages go back to their sender instead of to everybody.
    pub echo: bool,
    pub tokens: TokenRules,
    pub users: UserSource,
    /// The database of revocations. `None`: they last as long as the process.
    pub revocations: Option<PathBuf>,
    pub admin: Option<AdminSettings>,
    pub cluster: Option<ClusterSettings>,
    /// What SIGTERM does, and the operator's API as far as the request does not say.
    pub drain: Drain,
}

/// What a token must say, and whose key verifies it.
#[derive(Debug)]
pub struct TokenRules {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub key: KeySource,
}

/// Where the key comes from.
#[derive(Debug)]
pub enum KeySource {
    /// A JSON Web Key Set.
    JwksFile(PathBuf),
    /// A public key in PEM.
    PublicKeyFile(PathBuf),
    /// A key set that is fetched again and again.
    #[cfg(feature = "jwks-url")]
    JwksUrl(String, RemoteKeyOptions),
    /// The keys of an OpenID provider, by its discovery document.
    #[cfg(feature = "jwks-url")]
    Discovery(String, RemoteKeyOptions),
    /// The environment variable with the HS256 secret.
    SecretEnv(String),
}

/// Who may exist.
#[derive(Debug)]
pub enum UserSource {
    Fixed(Vec<User>),
    Sqlite(PathBuf),
}

/// The operator's HTTP API.
#[derive(Debug)]
pub struct AdminSettings {
    pub listen: String,
    /// Whether that may be an address that others reach.
    pub allow_plaintext: bool,
    /// The environment variable with the token.
    pub token_env: String,
}

/// One of many nodes.
#[derive(Debug)]
pub struct ClusterSettings {
    pub address: RedisAddress,
    pub options: ClusterOptions,
    /// What the keys begin with, unless the default is fine.
    pub key_prefix: Option<String>,
}

/// Where Redis is.
pub enum RedisAddress {
    /// As it stands in the file.
    Url(String),
    /// In an environment variable, because it may have a password.
    Env(String),
}

impl fmt::Debug for RedisAddress {
    /// Without the address, which may have a password all the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url"),
            Self::Env(variable) => f.debug_tuple("Env").field(variable).finish(),
        }
    }
}

impl Settings {
    /// Reads and checks a file. Paths in it are relative to it.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let text = file::read("config", path)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Checks the text of a file in this folder.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Problem> {
        let shape = Shape::parse(text)?;
        let mut door = BouncerConfig::new(required("listen", shape.listen)?)
            .origins(shape.origins)
            .subprotocols(shape.subprotocols)
            .trusted_proxies(shape.trusted_proxies)
            .limits(shape.limits);
        if let Some(path) = shape.path {
            door = door.path(path);
        }
        door.allow_plaintext = shape.allow_plaintext;
        if let Some(section) = shape.tls {
            door = door.tls(tls(section, folder)?);
        }
        let address = door.validate()?;
        if shape.cluster.is_some() && shape.revocations.is_some() {
            let reason = "the nodes of a cluster share theirs: remove this section";
            return Err(Problem::config("revocations", reason));
        }
        Ok(Self {
            door,
            tick: tick(shape.tick_hz.unwrap_or(60))?,
            echo: shape.echo,
            tokens: token_rules(required("auth", shape.auth)?, folder)?,
            users: user_source(required("users", shape.users)?, folder)?,
            revocations: match shape.revocations {
                Some(section) => {
                    let file = required("revocations.sqlite", section.sqlite)?;
                    Some(resolve("revocations.sqlite", folder, file)?)
                }
                None => None,
            },
            admin: match shape.admin {
                Some(section) => Some(admin(section, address)?),
                None => None,
            },
            cluster: match shape.cluster {
                Some(section) => Some(cluster(section, address)?),
                None => None,
            },
            drain: drain(shape.drain)?,
        })
    }
}

fn tls(section: shape::Tls, folder: &Path) -> Result<TlsConfig, Problem> {
    let file = |field, file| resolve(field, folder, required(field, file)?);
    Ok(TlsConfig::new(
        file("tls.cert_file", section.cert_file)?,
        file("tls.key_file", section.key_file)?,
    ))
}

fn tick(hertz: u32) -> Result<Duration, Problem> {
    if !(1..=1000).contains(&hertz) {
        return Err(Problem::config(
            "tick_hz",
            format!("{hertz} is not within 1 to 1000"),
        ));
    }
    Ok(Duration::from_secs(1) / hertz)
}

fn token_rules(section: shape::Auth, folder: &Path) -> Result<TokenRules, Problem> {
    let sources = [
        section.jwks_file.is_some(),
        section.jwks_url.is_some(),
        section.discovery,
        section.public_key_file.is_some(),
        section.secret_env.is_some(),
    ];
    if sources.into_iter().filter(|given| *given).count() != 1 {
        return Err(Problem::config(
            "auth",
            "needs exactly one of jwks_file, jwks_url, discovery, public_key_file, secret_env",
        ));
    }
    let key = if let Some(file) = section.jwks_file {
        KeySource::JwksFile(resolve("auth.jwks_file", folder, file)?)
    } else if let Some(file) = section.public_key_file {
        KeySource::PublicKeyFile(resolve("auth.public_key_file", folder, file)?)
    } else if let Some(variable) = section.secret_env {
        KeySource::SecretEnv(not_empty("auth.secret_env", variable)?)
    } else {
        remote_keys(&section)?
    };
    let optional =
        |field, text: Option<String>| text.map(|text| not_empty(field, text)).transpose();
    Ok(TokenRules {
        issuer: optional("auth.issuer", section.issuer)?,
        audience: optional("auth.audience", section.audience)?,
        key,
    })
}

#[cfg(feature = "jwks-url")]
fn remote_keys(section: &shape::Auth) -> Result<KeySource, Problem> {
    let options = section.remote_keys.clone();
    if let Some(url) = &section.jwks_url {
        return Ok(KeySource::JwksUrl(url.clone(), options));
    }
    let issuer = required("auth.issuer", section.issuer.clone())?;
    Ok(KeySource::Discovery(issuer, options))
}

#[cfg(not(feature = "jwks-url"))]
fn remote_keys(_: &shape::Auth) -> Result<KeySource, Problem> {
    let reason = "jwks_url and discovery need the feature `jwks-url` of bevy_bouncer";
    Err(Problem::config("auth", reason))
}

fn user_source(section: shape::Users, folder: &Path) -> Result<UserSource, Problem> {
    match (section.fixed, section.sqlite) {
        (Some(fixed), None) => Ok(UserSource::Fixed(fixed_users(fixed)?)),
        (None, Some(file)) => Ok(UserSource::Sqlite(resolve("users.sqlite", folder, file)?)),
        _ => Err(Problem::config(
            "users",
            "needs exactly one of fixed, sqlite",
        )),
    }
}

fn fixed_users(fixed: Vec<shape::FixedUser>) -> Result<Vec<User>, Problem> {
    let mut seen = HashSet::new();
    let mut users = Vec::with_capacity(fixed.len());
    for (index, entry) in fixed.into_iter().enumerate() {
        let id = required(&format!("users.fixed[{index}].id"), entry.id)?;
        if !seen.insert(id.clone()) {
            return Err(Problem::config(
                format!("users.fixed[{index}].id"),
                format!("{id:?} is listed twice"),
            ));
        }
        let name = entry.name.unwrap_or_else(|| id.clone());
        let user = User::new(id, name)
            .and_then(|user| user.with_roles(entry.roles))
            .map_err(|error| Problem::config(format!("users.fixed[{index}]"), error))?;
        users.push(user);
    }
    Ok(users)
}

fn admin(section: shape::Admin, game: SocketAddr) -> Result<AdminSettings, Problem> {
    let listen = required("admin.listen", section.listen)?;
    let address: SocketAddr = listen.parse().map_err(|_| {
        Problem::config(
            "admin.listen",
            "must be an IP address and a port, like 127.0.0.1:9006",
        )
    })?;
    if address == game && address.port() != 0 {
        return Err(Problem::config(
            "admin.listen",
            "must not be the game's own address",
        ));
    }
    let token_env = required("admin.token_env", section.token_env)?;
    Ok(AdminSettings {
        listen,
        allow_plaintext: section.allow_plaintext,
        token_env: not_empty("admin.token_env", token_env)?,
    })
}

fn cluster(section: shape::Cluster, game: SocketAddr) -> Result<ClusterSettings, Problem> {
    if !cfg!(feature = "redis") {
        let reason = "this server was built without the feature redis";
        return Err(Problem::config("cluster", reason));
    }
    let address = match (section.redis_url, section.redis_url_env) {
        (Some(url), None) => RedisAddress::Url(not_empty("cluster.redis_url", url)?),
        (None, Some(variable)) => RedisAddress::Env(not_empty("cluster.redis_url_env", variable)?),
        _ => {
            let reason = "needs exactly one of redis_url_env and redis_url";
            return Err(Problem::config("cluster", reason));
        }
    };
    let mut options = ClusterOptions::named(section.node.unwrap_or_else(|| game.to_string()));
    for (field, given, value) in [
        ("max_lag", section.max_lag_seconds, &mut options.max_lag),
        (
            "reconcile_interval",
            section.reconcile_interval_seconds,
            &mut options.reconcile_interval,
        ),
        (
            "command_timeout",
            section.command_timeout_seconds,
            &mut options.command_timeout,
        ),
        (
            "seat_lifetime",
            section.seat_lifetime_seconds,
            &mut options.seat_lifetime,
        ),
    ] {
        if let Some(number) = given {
            *value = Duration::try_from_secs_f64(number).map_err(|error| {
                Problem::config(format!("cluster.{field}_seconds"), error.to_string())
            })?;
        }
    }
    options.validate()?;
    Ok(ClusterSettings {
        address,
        options,
        key_prefix: section.key_prefix,
    })
}

fn drain(section: shape::Drain) -> Result<Drain, Problem> {
    let mut drain = Drain::default();
    if let Some(deadline) = section.deadline_seconds {
        drain.deadline = seconds("drain.deadline_seconds", deadline)?;
    }
    if let Some([soonest, latest]) = section.come_back_seconds {
        let field = "drain.come_back_seconds";
        let range = seconds(field, soonest)?..=seconds(field, latest)?;
        if range.is_empty() {
            return Err(Problem::config(field, "must not end before it begins"));
        }
        drain = drain.come_back_in(range);
    }
    if let Some(time) = section.refuse_seconds {
        drain = drain.refuse_for(seconds("drain.refuse_seconds", time)?);
    }
    match section.batch {
        Some(0) => Err(Problem::config("drain.batch", "must be at least 1")),
        Some(players) => Ok(drain.batch(players)),
        None => Ok(drain),
    }
}

fn seconds(field: &str, number: f64) -> Result<Duration, Problem> {
    Duration::try_from_secs_f64(number)
        .ok()
        .filter(|time| *time <= Drain::LONGEST)
        .ok_or_else(|| {
            let most = Drain::LONGEST.as_secs();
            Problem::config(field, format!("{number} is not within 0 to {most}"))
        })
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::config(field, "is required"))
}

fn not_empty(field: &str, text: String) -> Result<String, Problem> {
    if text.is_empty() {
        return Err(Problem::config(field, "must not be empty"));
    }
    Ok(text)
}

fn resolve(field: &str, folder: &Path, file: PathBuf) -> Result<PathBuf, Problem> {
    if file.as_os_str().is_empty() {
        return Err(Problem::config(field, "must not be empty"));
    }
    Ok(folder.join(file))
}
