//! Durations in configuration files: numbers of seconds, fractions included.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(source)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| D::Error::custom("must be a number of seconds that is not negative"))
}
