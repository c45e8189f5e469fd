//! The documents, and the blocks of code in them.

use std::{fs, path::Path};

/// A block between two lines of three backticks.
pub struct Block {
    /// What stands behind the first backticks, up to a comma: `rust`, `sh`, `toml`.
    pub language: String,
    pub code: String,
    /// The last line of text before it, which may name the file that it belongs into.
    pub introduction: String,
}

impl Block {
    /// Whether the text before the block says that it belongs into this file: "Put this into `FILE`:".
    pub fn is_file(&self, name: &str) -> bool {
        self.introduction.ends_with(&format!("`{name}`:"))
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The documents for users: README.md and everything in docs/.
pub fn documents() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    all.push("README.md".into());
    all.sort();
    all
}

pub fn blocks(document: &str) -> Vec<Block> {
    let text = read(document);
    let mut blocks = Vec::new();
    let mut introduction = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(information) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                introduction = line;
            }
            continue;
        };
        let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
        let code: String = code.map(|line| format!("{line}\n")).collect();
        blocks.push(Block {
            language: information.split(',').next().unwrap().to_owned(),
            code,
            introduction: introduction.to_owned(),
        });
    }
    blocks
}

/// Where the links of a document lead that are not addresses of other sites.
pub fn links(document: &str) -> Vec<String> {
    let text = read(document);
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}
