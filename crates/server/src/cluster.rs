//! One of many nodes, over Redis.

use bevy_bouncer::{BouncerError, BouncerPlugin, RedisBackplane};

use crate::{
    config::cluster::{ClusterSettings, RedisAddress},
    problem::Problem,
    secret,
};

/// Joins the fleet.
pub fn join(door: BouncerPlugin, settings: &ClusterSettings) -> Result<BouncerPlugin, Problem> {
    let (field, url) = match &settings.address {
        RedisAddress::Url(url) => ("cluster.redis_url", url.clone()),
        RedisAddress::Env(variable) => {
            let field = "cluster.redis_url_env";
            (field, secret::text(field, variable)?)
        }
    };
    let mut backplane =
        RedisBackplane::open(&url).map_err(|error| Problem::config(field, error))?;
    if let Some(prefix) = &settings.key_prefix {
        backplane = backplane.key_prefix(prefix);
    }
    door.cluster(backplane, settings.options.clone())
        .map_err(|error| match error {
            BouncerError::Config(error) => error.into(),
            error => Problem::runtime("cluster", error),
        })
}
