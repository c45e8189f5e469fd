//! One of many nodes, over Redis.

use bevy::prelude::*;
use bevy_bouncer::{
    BouncerError, BouncerPlugin, ClientFrame, ClusterOutbox, Connection, RedisBackplane, User,
};

use crate::{
    config::cluster::{ClusterSettings, RedisAddress},
    game,
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

/// As [`game::relay`], to everybody on every node.
pub fn relay(
    mut frames: MessageReader<ClientFrame>,
    users: Query<(&User, &Connection)>,
    mut outbox: ClusterOutbox,
) -> Result {
    for frame in frames.read() {
        if let (Some(text), Ok((user, connection))) =
            (frame.payload.as_text(), users.get(frame.entity))
            && connection.subprotocol() != Some(game::BOUNCER_V1)
        {
            // What does not fit is in the log, and counted.
            let _ = outbox.broadcast_everywhere(game::relayed(user, text)?);
        }
    }
    Ok(())
}
