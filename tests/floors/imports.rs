//! What the files of a crate import, read from their text.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The text of each module below a folder, by its path from the crate's root.
pub fn files(source: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path.strip_prefix(source).unwrap().with_extension("");
            let module = module.to_str().unwrap().replace('/', "::");
            let module = module.trim_end_matches("::mod").to_owned();
            files.insert(module, fs::read_to_string(path).unwrap());
        }
    }
    files
}

/// The module that defines what a path names.
pub fn defining_module(path: &[String], files: &BTreeMap<String, String>) -> Option<String> {
    let prefixes = (1..=path.len())
        .rev()
        .map(|length| path[..length].join("::"));
    prefixes
        .into_iter()
        .find(|prefix| files.contains_key(prefix) && prefix != "lib")
}

/// All paths into this crate, in `use` or not, from its root.
pub fn paths(module: &str, text: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect();
    let code = code.join("\n");
    // Unit tests stand at the end of a file, which clippy checks.
    let is_inline = |&(at, found): &(usize, &str)| {
        let line = code[at + found.len()..].lines().next();
        line.is_some_and(|line| line.ends_with('{'))
    };
    let mut marks = code.match_indices("#[cfg(test)]\nmod ");
    let tests = marks.find(is_inline).map_or(code.len(), |(at, _)| at);
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
