//! One of many nodes, over Redis.

use bevy::prelude::*;
use bevy_bouncer::{
    BackplaneError, BouncerError, BouncerPlugin, ClientFrame, ClusterOptions, ClusterOutbox,
    RedisBackplane, User,
};

use super::{config::ClusterSettings, game, problem::Problem, secret};

/// Joins the fleet.
pub fn join(door: BouncerPlugin, settings: &ClusterSettings) -> Result<BouncerPlugin, Problem> {
    let url = secret::text("cluster.redis_url_env", &settings.redis_url_env)?;
    let unusable = |error: BackplaneError| Problem::config("cluster.redis_url_env", error);
    let mut backplane = RedisBackplane::open(&url).map_err(unusable)?;
    if let Some(prefix) = &settings.key_prefix {
        backplane = backplane.key_prefix(prefix);
    }
    let options = ClusterOptions::named(settings.node.clone());
    door.cluster(backplane, options)
        .map_err(|error| match error {
            BouncerError::Config(error) => error.into(),
            error => Problem::runtime("cluster", error),
        })
}

/// As [`game::relay`], to everybody on every node.
pub fn relay(
    mut frames: MessageReader<ClientFrame>,
    users: Query<&User>,
    mut outbox: ClusterOutbox,
) -> Result {
    for frame in frames.read() {
        if let (Some(text), Ok(user)) = (frame.payload.as_text(), users.get(frame.entity)) {
            outbox.broadcast_everywhere(game::relayed(user, text)?);
        }
    }
    Ok(())
}
