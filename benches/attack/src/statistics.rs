//! Numbers for the tables.

use std::{collections::BTreeMap, time::Duration};

/// The time within which this share of them was.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// `what: how often` with commas.
pub fn counts<T: std::fmt::Display>(counts: &BTreeMap<T, usize>) -> String {
    let counts: Vec<_> = counts
        .iter()
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
    if counts.is_empty() {
        "–".into()
    } else {
        counts.join(", ")
    }
}

/// Whether a value is within its goal, as a word for the table.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}
