//! ARCHITECTURE.md and CONTRIBUTING.md lead where they say.

use crate::markdown::{read, root};

/// What stands between backticks in the text of a document, without its blocks of code.
fn quoted(document: &str) -> Vec<String> {
    let text = read(document);
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let parts = prose
        .join("")
        .split('`')
        .map(String::from)
        .collect::<Vec<_>>();
    parts.into_iter().skip(1).step_by(2).collect()
}

#[test]
fn every_path_exists() {
    let rooms = [
        ".ci/",
        "assets/",
        "benches/",
        "crates/",
        "docs/",
        "examples/",
        "fuzz/",
        "src/",
        "tests/",
    ];
    for (document, least) in [("ARCHITECTURE.md", 50), ("CONTRIBUTING.md", 15)] {
        let mut count = 0;
        for quoted in quoted(document) {
            // A command's program is a path as well.
            let path = quoted.split(' ').next().unwrap();
            if rooms.iter().any(|room| path.starts_with(room)) {
                assert!(root().join(path).exists(), "{document}: {path}");
                count += 1;
            }
        }
        assert!(count >= least, "{document}: {count} paths");
    }
}

#[test]
fn every_room_of_the_crate_has_its_floor() {
    let text = read("ARCHITECTURE.md");
    let (_, floors) = text.split_once("| floor | room |").unwrap();
    let (floors, _) = floors.split_once("\n\n").unwrap();
    let mut shown: Vec<String> = floors
        .lines()
        .filter_map(|line| line.split('`').nth(1))
        .map(String::from)
        .collect();
    shown.sort();
    let mut rooms: Vec<String> = std::fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        // The roof, and what only fuzz targets see.
        .filter(|room| !["lib", "fuzzing"].contains(&room.as_str()))
        .collect();
    rooms.sort();
    assert_eq!(shown, rooms);
}
