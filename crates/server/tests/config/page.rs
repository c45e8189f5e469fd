//! docs/configuration.md has all keys, with their true defaults and ranges.

use std::collections::BTreeSet;

use bevy_bouncer::{ClusterOptions, Drain, Limits, MessageOptions, RemoteKeyOptions};

use crate::{accepted::parse, config::tokens::KeySource, keys};

const PAGE: &str = include_str!("../../../../docs/configuration.md");

/// A file that is good, to which a section can be added.
const LEAST: &str =
    "listen = \"127.0.0.1:9005\"\nauth = { secret_env = \"A\" }\nusers = { fixed = [] }\n";

/// One row of the page's tables of keys.
struct Row<'a> {
    section: &'a str,
    key: &'a str,
    default: &'a str,
    range: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let mut section = "";
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let name = title.strip_prefix('`').unwrap_or_default();
            section = name.trim_matches(['`', '[', ']']);
        }
        // Tables of anything else have another head.
        in_table = line.starts_with("| key |") || (in_table && line.starts_with('|'));
        let mut cells = line.split(" | ");
        if let Some(key) = cells.next().and_then(|cell| cell.strip_prefix("| `"))
            && in_table
        {
            rows.push(Row {
                section,
                key: key.trim_end_matches('`'),
                default: cells.next().unwrap_or_default(),
                range: cells.next().unwrap_or_default(),
            });
        }
    }
    rows
}

/// What stands in the cell as a value of TOML.
fn value(cell: &str) -> Option<&str> {
    let value = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!value.contains('`')).then_some(value)
}

/// The numbers of `` `1` to `10` ``.
fn bounds(cell: &str) -> Option<(f64, f64)> {
    let (least, most) = cell.split_once(" to ")?;
    let number = |cell| value(cell)?.parse().ok();
    Some((number(least)?, number(most)?))
}

#[test]
fn it_has_every_key_and_no_other_one() {
    let documented: BTreeSet<_> = rows()
        .iter()
        .map(|row| keys::full(row.section, row.key))
        .filter(|key| key != "auth.remote_keys")
        .collect();
    keys::assert_same(&documented);
}

#[test]
fn its_defaults_are_true() {
    let section = |name: &str| {
        let mut text = format!("[{name}]\n");
        for row in rows().iter().filter(|row| row.section == name) {
            if let Some(default) = value(row.default) {
                text += &format!("{} = {default}\n", row.key);
            }
        }
        assert!(text.lines().count() > 3, "{text}");
        text
    };
    let limits = parse(&format!("{LEAST}{}", section("limits"))).unwrap();
    assert_eq!(limits.door.limits, Limits::default());
    let messages = parse(&format!("{LEAST}{}", section("messages"))).unwrap();
    assert_eq!(messages.door.messages, MessageOptions::default());
    let drain = parse(&format!("{LEAST}{}", section("drain"))).unwrap();
    assert_eq!(drain.drain, Drain::default());
    let by_url = "jwks_url = \"https://a.example\"\naudience = \"game\"";
    let auth = format!("[auth]\n{by_url}\n{}", section("auth.remote_keys"));
    let keys = LEAST.replace("auth = { secret_env = \"A\" }\n", "");
    let KeySource::JwksUrl(_, options) = parse(&format!("{keys}{auth}")).unwrap().tokens.key else {
        panic!("a key set by its URL")
    };
    assert_eq!(options, RemoteKeyOptions::default());
    let redis = "redis_url = \"redis://a\"\nnode = \"a\"\n";
    let cluster = parse(&format!("{LEAST}{}{redis}", section("cluster"))).unwrap();
    assert_eq!(cluster.cluster.unwrap().options, ClusterOptions::named("a"));
}

#[test]
fn its_ranges_are_true() {
    let mut checked = 0;
    for row in rows() {
        let Some((least, most)) = bounds(row.range) else {
            continue;
        };
        // Keys are fetched by URL only, and their options are checked together with it.
        if row.section == "auth.remote_keys" {
            continue;
        }
        let field = keys::full(row.section, row.key);
        let section = match row.section {
            "" => String::new(),
            "cluster" => "[cluster]\nredis_url = \"redis://a\"\n".to_owned(),
            name => format!("[{name}]\n"),
        };
        let refusal = |number: f64| {
            let value = match row.key {
                "come_back_seconds" => format!("[{number}, {number}]"),
                _ => number.to_string(),
            };
            let text = format!("{LEAST}{section}{} = {value}\n", row.key);
            parse(&text).err().unwrap_or_default()
        };
        for number in [least, most] {
            let answer = refusal(number);
            assert!(
                !answer.contains("is not within"),
                "{field} = {number}: {answer}"
            );
        }
        let step = if least.fract() == 0.0 {
            1.0
        } else {
            least / 2.0
        };
        for number in [least - step, most + 1.0] {
            let answer = refusal(number);
            assert!(!answer.is_empty(), "{field} = {number} is accepted");
        }
        checked += 1;
    }
    assert!(checked > 60, "{checked} ranges");
}
