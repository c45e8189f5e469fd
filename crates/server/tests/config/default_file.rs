//! The file that `bouncer default-config` prints has all keys, and the defaults that it shows are true.

use std::collections::BTreeSet;

use bevy_bouncer::{ClusterOptions, Drain, Limits, MessageOptions, RemoteKeyOptions};

use crate::{
    accepted::parse,
    config::{DEFAULT, Settings, tokens::KeySource},
    keys,
};

/// The line without its `#`, when it is a key or a section that is not in force.
fn shown(line: &str) -> Option<&str> {
    let line = line.strip_prefix('#')?;
    line.starts_with(|first: char| first.is_ascii_lowercase() || first == '[')
        .then_some(line)
}

/// The file with everything in force that shows a default.
fn with_all_defaults() -> String {
    let lines = DEFAULT.lines().filter(|line| {
        !line.contains("no default")
            && !line.contains("instead of")
            && !line.starts_with("secret_env")
    });
    let lines: Vec<_> = lines.map(|line| shown(line).unwrap_or(line)).collect();
    lines
        .join("\n")
        .replace(
            "[auth]\n",
            "[auth]\njwks_url = \"https://a.example\"\naudience = \"game\"\n",
        )
        .replace("[tls]\n", "")
        .replace(
            "[cluster]\n",
            "[cluster]\nredis_url = \"redis://a\"\nnode = \"a\"\n",
        )
        .replace("[revocations]\nsqlite = \"revocations.db\"\n", "")
}

#[test]
fn it_shows_every_key() {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in DEFAULT.lines() {
        let line = shown(line).unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with(['#', ' '])
        {
            found.insert(keys::full(section, key));
        }
    }
    for key in ["id", "name", "roles"] {
        assert!(DEFAULT.contains(&format!("{key} = ")));
        found.insert(keys::full("users.fixed", key));
    }
    keys::assert_same(&found);
}

#[test]
fn it_is_good_as_it_is() {
    let settings = parse(DEFAULT).unwrap();
    assert!(matches!(settings.tokens.key, KeySource::SecretEnv(name) if name == "BOUNCER_SECRET"));
    assert!(settings.revocations.is_some() && settings.admin.is_some());
    assert!(settings.door.tls.is_none() && settings.cluster.is_none());
}

#[test]
fn the_defaults_that_it_shows_are_true() {
    let text = with_all_defaults();
    let shown = parse(&text).unwrap_or_else(|problem| panic!("{problem} in {text}"));
    let least: Settings =
        parse("listen = \"127.0.0.1:9005\"\n[auth]\nsecret_env = \"A\"\n[users]\nfixed = []\n")
            .unwrap();
    assert_eq!(shown.door, least.door);
    assert_eq!(shown.door.limits, Limits::default());
    assert_eq!(shown.door.messages, MessageOptions::default());
    assert_eq!((shown.tick, shown.echo), (least.tick, least.echo));
    assert_eq!(shown.drain, Drain::default());
    let KeySource::JwksUrl(_, options) = shown.tokens.key else {
        panic!("a key set by its URL")
    };
    assert_eq!(options, RemoteKeyOptions::default());
    let cluster = shown.cluster.unwrap();
    assert_eq!(cluster.options, ClusterOptions::named("a"));
    assert_eq!(cluster.key_prefix.as_deref(), Some("bevy_bouncer:"));
    assert!(!shown.admin.unwrap().allow_plaintext);
}

#[test]
fn the_guide_shows_what_is_in_force() {
    let guide = include_str!("../../../../docs/server.md");
    let (_, block) = guide.split_once("```toml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let in_force = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let mut file = in_force(DEFAULT);
    // Sections that only show defaults are left out.
    file.retain(|line| line != "[drain]" && line != "[limits]" && line != "[messages]");
    assert_eq!(in_force(block), file);
}
