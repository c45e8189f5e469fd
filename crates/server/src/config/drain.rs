//! `[drain]`: how the server goes out of service.

use std::time::Duration;

use bevy_bouncer::Drain;

use super::shape;
use crate::problem::Problem;

/// Checks the section.
pub fn check(section: &shape::Drain) -> Result<Drain, Problem> {
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
