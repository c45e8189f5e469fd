//! Every block of code is of a language for which something holds it to be true.

use std::collections::BTreeSet;

use crate::markdown::{blocks, documents, read};

/// What is held against the software elsewhere: commands by `commands`, Rust by the documentation tests, JSON by
/// the chat's tests of docs/protocol.md, TOML below.
const LANGUAGES: &[&str] = &["sh", "rust", "json", "toml", "js", "text"];

#[test]
fn every_block_says_its_language() {
    for document in documents() {
        for block in blocks(&document) {
            let language = block.language.as_str();
            assert!(
                LANGUAGES.contains(&language),
                "{document}: {language:?}\n{}",
                block.code
            );
        }
    }
}

#[test]
fn rust_is_compiled_with_the_crate() {
    let library = read("src/lib.rs");
    let with_rust = documents().into_iter().filter(|document| {
        let blocks = blocks(document);
        blocks.iter().any(|block| block.language == "rust")
    });
    let with_rust: BTreeSet<String> = with_rust.collect();
    assert!(with_rust.contains("README.md"));
    for document in with_rust {
        let include = format!("include_str!(\"../{document}\")");
        assert!(
            library.contains(&include),
            "{document} is not in src/lib.rs"
        );
    }
}

#[test]
fn toml_is_toml() {
    for document in documents() {
        for block in blocks(&document) {
            if block.language == "toml" {
                let read = block.code.parse::<toml::Table>();
                read.unwrap_or_else(|error| panic!("{document}: {error}"));
            }
        }
    }
}
