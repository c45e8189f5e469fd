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

/// The rooms of each floor of ARCHITECTURE.md, from the top to the bottom.
fn shown_floors() -> Vec<Vec<String>> {
    let text = read("ARCHITECTURE.md");
    let (_, table) = text.split_once("| floor | room |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let mut cells = row.trim_start_matches("| ").split(" | ");
        let floor: usize = cells.next().unwrap().parse().unwrap();
        let room = cells.next().unwrap().trim_matches('`').to_owned();
        (floor, room)
    });
    let mut floors: Vec<(usize, Vec<String>)> = Vec::new();
    for (floor, room) in rows {
        match floors.last_mut() {
            Some((last, rooms)) if *last == floor => rooms.push(room),
            _ => floors.push((floor, vec![room])),
        }
    }
    let numbers: Vec<usize> = floors.iter().map(|(floor, _)| *floor).collect();
    assert!(
        numbers.iter().rev().copied().eq(1..=numbers.len()),
        "{numbers:?}"
    );
    floors.into_iter().map(|(_, rooms)| rooms).collect()
}

#[test]
fn the_floors_are_those_that_the_test_of_the_imports_holds() {
    let test = read("tests/floors/main.rs");
    let (_, table) = test.split_once("const FLOORS: &[&[&str]] = &[\n").unwrap();
    let (table, _) = table.split_once("\n];").unwrap();
    // A floor is a list of names in quotes: `&["door", "world"],`.
    let held = table.split("&[").skip(1).map(|floor| {
        let names = floor.split('"').skip(1).step_by(2);
        names.map(String::from).collect::<Vec<_>>()
    });
    assert_eq!(shown_floors(), held.collect::<Vec<_>>());
}

#[test]
fn the_order_of_locks_is_that_of_the_code() {
    let code = read("src/connection/mod.rs");
    let comments = code.lines().map(|line| line.trim_start_matches("//! "));
    let comments = comments.collect::<Vec<_>>().join("\n");
    assert_eq!(table(&comments), table(&read("ARCHITECTURE.md")));
}

/// The table of the locks in this text.
fn table(text: &str) -> Vec<&str> {
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| lock |"));
    let table: Vec<&str> = lines.take_while(|line| line.starts_with('|')).collect();
    assert!(table.len() > 4);
    table
}
