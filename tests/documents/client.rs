//! The client for browsers: its package, and the rules that docs/protocol.md has for clients.

use std::{collections::BTreeSet, fs};

use crate::markdown::{read, root};

/// Everything in this folder whose name ends like this: name and content.
fn files(folder: &str, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.ends_with(end));
    let files = names.map(|name| (name.clone(), read(&format!("{folder}/{name}"))));
    files.collect()
}

/// The names of the rules, from the tables at the end of the document.
fn rules() -> BTreeSet<String> {
    let page = read("docs/protocol.md");
    let (_, section) = page.split_once("\n## Rules for clients\n").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let names: Vec<String> = rows
        .map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect();
    let unique: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(names.len(), unique.len(), "a rule is there twice");
    unique
}

/// What stands before the colon in the name of a test: `test("order: …`.
fn tested() -> BTreeSet<String> {
    let tests = files("tests/client", ".test.mjs");
    let lines = tests.iter().flat_map(|(_, text)| text.lines());
    let titles = lines.filter_map(|line| line.trim_start().strip_prefix("test("));
    let rules = titles.filter_map(|title| {
        let (rule, _) = title[1..].split_once(": ")?;
        let is_name = rule
            .chars()
            .all(|char| char.is_ascii_lowercase() || char == '-');
        is_name.then(|| rule.to_owned())
    });
    rules.collect()
}

#[test]
fn every_rule_for_clients_has_a_test_of_the_module_that_is_named_after_it() {
    let rules = rules();
    assert!(rules.len() > 30, "{} rules", rules.len());
    assert_eq!(rules, tested());
}

#[test]
fn every_file_of_the_client_has_one_idea_and_is_served_by_the_lobby() {
    let site = read("examples/lobby/site.rs");
    let types = files("assets/client", ".d.ts");
    let modules = files("assets/client", ".js");
    for (name, text) in types.iter().chain(&modules) {
        assert!(text.lines().count() <= 300, "{name}");
    }
    for (name, _) in modules {
        let served = format!("(\"/client/{name}\", asset!(\"client/{name}\"))");
        assert!(site.contains(&served), "{name}");
    }
}

#[test]
fn the_package_has_the_version_and_the_licences_of_the_crates() {
    let package = read("assets/client/package.json");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(package.contains(&version), "{version}");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        assert_eq!(read(licence), read(&format!("assets/client/{licence}")));
    }
}
