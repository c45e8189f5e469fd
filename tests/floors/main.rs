//! Imports in `src/` go down only: each room is on a floor, names nothing on its own floor or above it, and nobody
//! imports from the crate's root.

mod imports;

use std::{collections::BTreeMap, path::Path};

use imports::{defining_module, files, paths};

/// The floors from the top to the bottom. ARCHITECTURE.md shows this table.
const FLOORS: &[&[&str]] = &[
    &["plugin", "testing"],
    &["admin", "messages"],
    &["door", "world"],
    &["server"],
    &["cluster", "session"],
    &["registry"],
    &["bridge"],
    &["connection"],
    &["auth", "transport"],
    &["config", "websocket"],
    &["http", "drain", "revocation"],
    &["identity", "util"],
];
/// These import whatever they show to others, and nobody imports them.
const ROOF: &[&str] = &["lib", "fuzzing"];

#[test]
fn imports_go_down_only() {
    let files = source();
    assert!(files.len() > 100, "the files of the crate are not found");
    let problems = check(&files);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_floor_has_its_rooms() {
    let files = source();
    for room in FLOORS.iter().copied().flatten().chain(ROOF) {
        assert!(files.contains_key(*room), "there is no room {room}");
    }
}

#[test]
fn a_planted_import_is_found_however_it_is_written() {
    for (module, planted, problem) in [
        ("http::head", "use crate::config::Limits;", "config"),
        (
            "http::head",
            "use crate::{\n    config::{self, Limits},\n};",
            "config",
        ),
        ("http::head", "fn f() { crate::config::limits() }", "config"),
        ("http::head", "use super::super::config;", "config"),
        ("drain", "use super::registry::Registry;", "registry"),
        ("bridge", "pub(in crate::plugin) fn f() {}", "plugin"),
        // Of one floor.
        ("door::gate", "use crate::world::Bouncer;", "world"),
        // The roof.
        ("plugin", "use crate::User;", "the crate's root"),
        ("plugin", "use crate::*;", "the crate's root"),
        ("plugin", "use crate::fuzzing::f;", "fuzzing"),
        // A room that is not in the table.
        ("helpers", "", "helpers"),
    ] {
        let mut files = source();
        let text = files.entry(module.into()).or_default();
        text.insert_str(0, planted);
        let problems = check(&files);
        assert_eq!(problems.len(), 1, "{planted}: {problems:?}");
        assert!(problems[0].contains(module), "{problems:?}");
        assert!(problems[0].contains(problem), "{problems:?}");
    }
}

#[test]
fn comments_and_unit_tests_may_name_everything() {
    let mut files = source();
    let text = files.get_mut("http::head").unwrap();
    *text = format!("// use crate::plugin::BouncerPlugin;\n/// [`x`](crate::User)\n{text}");
    text.push_str("\n#[cfg(test)]\nmod more_tests {\n    use crate::plugin::BouncerPlugin;\n}\n");
    assert_eq!(check(&files), Vec::<String>::new());
}

fn source() -> BTreeMap<String, String> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// What is wrong, in words.
fn check(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (module, text) in files {
        let room = room(module);
        if ROOF.contains(&room) {
            continue;
        }
        let Some(floor) = floor(room) else {
            problems.push(format!("{module} is on no floor"));
            continue;
        };
        for path in paths(module, text) {
            let Some(other) = defining_module(&path, files) else {
                problems.push(format!("{module} imports {path:?} from the crate's root"));
                continue;
            };
            let goes_down = self::floor(self::room(&other)).is_some_and(|below| below > floor);
            if self::room(&other) != room && !goes_down {
                problems.push(format!("{module} imports {other}, which is not below it"));
            }
        }
    }
    // One list of imports may name a module several times.
    problems.dedup();
    problems
}

/// The first part of a module's path.
fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The number of a room's floor, counted from above.
fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}
