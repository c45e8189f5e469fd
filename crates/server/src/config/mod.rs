//! The configuration file: from its text to settings that are known to be good.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bevy_bouncer::{BouncerConfig, Drain, TlsConfig};

use crate::{file, problem::Problem};

use self::{
    admin::AdminSettings,
    cluster::ClusterSettings,
    shape::Shape,
    tokens::TokenRules,
    users::UserSource,
    value::{required, resolve},
};

pub mod admin;
pub mod cluster;
mod drain;
mod shape;
pub mod tokens;
pub mod users;
mod value;

/// A file with all keys, to start from.
pub const DEFAULT: &str = include_str!("default.toml");

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
            .forwarded_header(shape.forwarded_header)
            .limits(shape.limits)
            .messages(shape.messages);
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
            tokens: TokenRules::check(required("auth", shape.auth)?, folder)?,
            users: UserSource::check(required("users", shape.users)?, folder)?,
            revocations: match shape.revocations {
                Some(section) => {
                    let file = required("revocations.sqlite", section.sqlite)?;
                    Some(resolve("revocations.sqlite", folder, file)?)
                }
                None => None,
            },
            admin: match shape.admin {
                Some(section) => Some(AdminSettings::check(section, address)?),
                None => None,
            },
            cluster: match shape.cluster {
                Some(section) => Some(ClusterSettings::check(section, address)?),
                None => None,
            },
            drain: drain::check(&shape.drain)?,
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
