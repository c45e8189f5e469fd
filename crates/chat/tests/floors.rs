//! Imports in this crate go down only: each file is on a floor, and names nothing above it. No file is part of
//! a circle, and nobody imports from the crate's root.

#[path = "../../../tests/floors/imports.rs"]
mod imports;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use imports::{defining_module, files, paths};

/// From the top to the bottom. Modules of one floor do not import each other; a module stands for those inside it as
/// well.
const FLOORS: &[&[&str]] = &[
    &["plugin"],
    &["dispatch"],
    &["commands"],
    &[
        "requests::delete",
        "requests::mutes",
        "requests::removal",
        "requests::rooms",
        "requests::rules",
        "requests::send",
    ],
    &[
        "cluster_in",
        "conditions",
        "greeting",
        "membership",
        "online",
        "presence",
        "stored",
    ],
    &["decisions", "entry", "filter", "handled"],
    &["deferred", "rank_check"],
    &["context"],
    &["publish"],
    &["archive"],
    &["shared"],
    &["events"],
    &["model::room"],
    &["model::closed_rooms", "model::users"],
    &[
        "model::fleet_presence",
        "model::history",
        "model::answers_given",
        "model::members",
        "model::mutes",
        "model::rate_limit",
        "model::room_lists",
    ],
    &["model::access", "model::ids", "model::role", "model::text"],
    &["options", "protocol"],
];
/// They import whatever they show to others or test, and nobody imports them.
const ROOF: &[&str] = &["lib", "document", "fuzzing"];
/// They have nothing but other modules in them.
const FOLDERS: &[&str] = &["model", "requests"];

/// The names of modules, with the modules that each imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_go_down_only() {
    let files = source();
    assert!(files.len() > 25, "the files of the crate are not found");
    let problems = check(&files);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_floor_has_its_files() {
    let files = source();
    for module in FLOORS.iter().copied().flatten().chain(ROOF).chain(FOLDERS) {
        assert!(files.contains_key(*module), "there is no module {module}");
    }
}

#[test]
fn a_planted_import_is_found_however_it_is_written() {
    for (module, planted, problem) in [
        (
            "model::text",
            "use crate::requests::send;",
            "requests::send",
        ),
        (
            "model::text",
            "use crate::{\n    plugin::{self, ChatPlugin},\n};",
            "plugin",
        ),
        ("model::text", "fn f() { crate::plugin::build() }", "plugin"),
        ("model::text", "use super::room::Room;", "model::room"),
        ("model::text", "use super::super::plugin;", "plugin"),
        ("model::role", "pub(in crate::plugin) fn f() {}", "plugin"),
        // Of one floor.
        (
            "requests::send",
            "use crate::requests::{rooms::list};",
            "requests::rooms",
        ),
        ("presence", "use crate::greeting::hello;", "greeting"),
        // The roof.
        ("plugin", "use crate::ChatOptions;", "the crate's root"),
        ("plugin", "use crate::*;", "the crate's root"),
        ("plugin", "use crate::document::f;", "document"),
        // A module that is not in the table.
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
fn a_planted_circle_within_a_floor_is_found() {
    let mut files = source();
    let context = files.get_mut("context").unwrap();
    context.push_str("use self::apply::Origin;");
    let problems = check(&files);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("circle"), "{problems:?}");
}

#[test]
fn comments_and_tests_may_name_everything() {
    let mut files = source();
    let text = files.get_mut("model::text").unwrap();
    *text = format!("// use crate::plugin::ChatPlugin;\n/// [`x`](crate::ChatPlugin)\n{text}");
    text.push_str("\n#[cfg(test)]\nmod more_tests {\n    use crate::plugin::ChatPlugin;\n}\n");
    assert_eq!(check(&files), Vec::<String>::new());
}

/// The text of each module.
fn source() -> BTreeMap<String, String> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// What is wrong, in words.
fn check(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut imports = Imports::new();
    for (module, text) in files {
        if ROOF.contains(&module.as_str()) {
            continue;
        }
        if floor(module).is_none() && !FOLDERS.contains(&module.as_str()) {
            problems.push(format!("{module} is on no floor"));
            continue;
        }
        let imported = imports.entry(module.clone()).or_default();
        for path in paths(module, text) {
            let Some(other) = defining_module(&path, files) else {
                problems.push(format!("{module} imports {path:?} from the crate's root"));
                continue;
            };
            if other != *module && imported.insert(other.clone()) && !may_import(module, &other) {
                problems.push(format!("{module} imports {other}, which is not below it"));
            }
        }
    }
    // A circle that goes up somewhere is named already.
    if problems.is_empty()
        && let Some(module) = imports
            .keys()
            .find(|module| reaches_itself(module, &imports))
    {
        problems.push(format!("{module} is part of a circle"));
    }
    problems
}

/// Its number, counted from above, and the module of the table.
fn floor(module: &str) -> Option<(usize, &'static str)> {
    let is_in = |room: &str| module == room || module.starts_with(&format!("{room}::"));
    FLOORS.iter().enumerate().find_map(|(number, rooms)| {
        let room = rooms.iter().find(|room| is_in(room))?;
        Some((number, *room))
    })
}

fn may_import(module: &str, other: &str) -> bool {
    match (floor(module), floor(other)) {
        (Some((from, room)), Some((to, other_room))) => to > from || room == other_room,
        _ => false,
    }
}

fn reaches_itself(module: &str, imports: &Imports) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&String> = imports[module].iter().collect();
    while let Some(other) = next.pop() {
        if other == module {
            return true;
        }
        if seen.insert(other) {
            next.extend(imports.get(other).into_iter().flatten());
        }
    }
    false
}
