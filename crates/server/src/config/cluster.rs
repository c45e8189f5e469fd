//! `[cluster]`: one of many nodes.

use std::{fmt, net::SocketAddr, time::Duration};

use bevy_bouncer::ClusterOptions;

use super::{shape, value::not_empty};
use crate::problem::Problem;

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

impl ClusterSettings {
    /// Checks the section of a server whose game has this address, which is also its default name.
    pub fn check(section: shape::Cluster, game: SocketAddr) -> Result<Self, Problem> {
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
                *value = Duration::try_from_secs_f64(number)
                    .map_err(|error| Problem::config(format!("cluster.{field}_seconds"), error))?;
            }
        }
        let address = RedisAddress::check(section.redis_url, section.redis_url_env)?;
        options.validate()?;
        Ok(Self {
            address,
            options,
            key_prefix: section.key_prefix,
        })
    }
}

impl RedisAddress {
    fn check(url: Option<String>, variable: Option<String>) -> Result<Self, Problem> {
        match (url, variable) {
            (Some(url), None) => Ok(Self::Url(not_empty("cluster.redis_url", url)?)),
            (None, Some(variable)) => Ok(Self::Env(not_empty("cluster.redis_url_env", variable)?)),
            _ => Err(Problem::config(
                "cluster",
                "needs exactly one of redis_url_env and redis_url",
            )),
        }
    }
}
