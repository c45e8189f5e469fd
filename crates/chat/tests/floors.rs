//! Imports in this crate go down only: each file is on a floor, and names nothing above it. No file is part of
//! a circle, and nobody imports from the crate's root.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// From the top to the bottom. Modules of one floor do not import each other; a module stands for those inside it as
/// well.
const FLOORS: &[&[&str]] = &[
    &["plugin"],
    &["dispatch"],
    &[
        "requests::auth",
        "requests::moderation",
        "requests::rooms",
        "requests::send",
        "requests::typed",
    ],
    &["cluster_in", "greeting", "membership", "presence"],
    &["filter"],
    &["deferred"],
    &["context"],
    &["publish"],
    &["archive"],
    &["events"],
    &["model::room"],
    &["model::closed_rooms", "model::users"],
    &["model::history", "model::members", "model::rate_limit"],
    &["model::ids", "model::role", "model::text"],
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
    let files = files();
    assert!(files.len() > 25, "the files of the crate are not found");
    let problems = check(&files);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_floor_has_its_files() {
    let files = files();
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
        let mut files = files();
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
    let mut files = files();
    let context = files.get_mut("context").unwrap();
    context.push_str("use self::apply::Origin;");
    let problems = check(&files);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("circle"), "{problems:?}");
}

#[test]
fn comments_and_tests_may_name_everything() {
    let mut files = files();
    let text = files.get_mut("model::text").unwrap();
    *text = format!("// use crate::plugin::ChatPlugin;\n/// [`x`](crate::ChatPlugin)\n{text}");
    text.push_str("\n#[cfg(test)]\nmod more_tests {\n    use crate::plugin::ChatPlugin;\n}\n");
    assert_eq!(check(&files), Vec::<String>::new());
}

/// The text of each module.
fn files() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path.strip_prefix(&source).unwrap().with_extension("");
            let module = module.to_str().unwrap().replace('/', "::");
            let module = module.trim_end_matches("::mod").to_owned();
            files.insert(module, fs::read_to_string(path).unwrap());
        }
    }
    files
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

/// The module that defines what a path names.
fn defining_module(path: &[String], files: &BTreeMap<String, String>) -> Option<String> {
    let prefixes = (1..=path.len())
        .rev()
        .map(|length| path[..length].join("::"));
    prefixes
        .into_iter()
        .find(|prefix| files.contains_key(prefix) && prefix != "lib")
}

/// All paths into this crate, in `use` or not, from its root.
fn paths(module: &str, text: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect();
    let code = code.join("\n");
    // Unit tests stand at the end of a file, which clippy checks.
    let tests = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    let tokens = tokens(&code[..tests]);
    let own: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let follows_path = at > 0 && tokens[at - 1] == "::";
        let base = match tokens[at].as_str() {
            "crate" if !follows_path => Some(Vec::new()),
            "self" if !follows_path => Some(own.clone()),
            "super" if !follows_path => Some(own[..own.len() - 1].to_vec()),
            _ => None,
        };
        at += 1;
        if let Some(base) = base
            && tokens.get(at).is_some_and(|token| token == "::")
        {
            at += 1;
            tree(&tokens, &mut at, base, &mut paths);
        }
    }
    paths
}

/// Reads what follows a `::`, be it a name or names in braces.
fn tree(tokens: &[String], at: &mut usize, mut base: Vec<String>, paths: &mut Vec<Vec<String>>) {
    let token = tokens.get(*at).map_or("", String::as_str);
    *at += 1;
    match token {
        "{" => {
            while tokens.get(*at).is_some_and(|token| token != "}") {
                if tokens[*at] == "," {
                    *at += 1;
                } else {
                    tree(tokens, at, base.clone(), paths);
                }
            }
            *at += 1;
            return;
        }
        "super" => drop(base.pop()),
        // The module itself, or everything in it.
        "self" | "*" => {}
        name => base.push(name.to_owned()),
    }
    if tokens.get(*at).is_some_and(|token| token == "::") {
        *at += 1;
        return tree(tokens, at, base, paths);
    }
    if tokens.get(*at).is_some_and(|token| token == "as") {
        *at += 2;
    }
    paths.push(base);
}

/// Names, `::`, and single characters.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = if is_name(first) {
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}
