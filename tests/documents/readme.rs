//! The README and SECURITY.md stay true.

use std::{fs, path::Path};

use bevy_bouncer::Limits;

use crate::markdown::{blocks, documents, links, read, root};

const README: &str = include_str!("../../README.md");

#[test]
fn the_first_server_is_the_minimal_example() {
    let blocks = blocks("README.md");
    let server = blocks.iter().find(|block| block.is_file("src/main.rs"));
    let example = include_str!("../../examples/minimal.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert_eq!(server.unwrap().code, code);
    assert!(code.lines().count() < 60);
}

#[test]
fn the_readme_is_short() {
    assert!(README.lines().count() <= 200);
}

#[test]
fn every_link_leads_to_a_file() {
    let papers = [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "BENCHMARKS.md",
    ];
    let mut all = documents();
    all.extend(papers.map(String::from));
    for document in all {
        let folder = root().join(&document);
        for link in links(&document) {
            let target = folder.parent().unwrap().join(&link);
            assert!(target.exists(), "{document}: {link}");
        }
    }
}

#[test]
fn every_limit_is_in_the_table() {
    let configuration = read("docs/configuration.md");
    let shown = format!("{:?}", Limits::default());
    let fields = shown
        .trim_start_matches("Limits { ")
        .split(", ")
        .filter_map(|field| field.split_once(": "))
        .map(|(name, _)| name);
    let mut count = 0;
    for field in fields {
        let rows = [format!("| `{field}` |"), format!("| `{field}_seconds` |")];
        let is_there = rows.iter().any(|row| configuration.contains(row));
        assert!(is_there, "{field} is missing");
        count += 1;
    }
    assert!(count > 30, "{count} fields");
}

#[test]
fn every_promise_is_stated() {
    for number in 1..=13 {
        assert!(README.contains(&format!("| P{number} | **")), "P{number}");
    }
}

#[test]
fn every_control_has_the_test_that_it_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests", "crates"] {
        read_all(&root.join(folder), &mut sources);
    }
    let controls = include_str!("../../SECURITY.md")
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut count = 0;
    for control in controls {
        let column = control.trim_end_matches('|').rsplit('|').next().unwrap();
        for named in column.split(", ").map(str::trim) {
            let name = named.split('`').nth(1).unwrap_or_else(|| panic!("{named}"));
            let file = |path: String| root.join(path).exists();
            let found = if named.starts_with("fuzz target") {
                file(format!("fuzz/fuzz_targets/{name}.rs"))
            } else if named.ends_with("(the file)") {
                file(format!("tests/{name}.rs")) || file(format!("tests/{name}/main.rs"))
            } else {
                sources.contains(&format!("fn {name}("))
            };
            assert!(found, "{named} does not exist");
            count += 1;
        }
    }
    assert!(count > 40, "{count} tests");
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
