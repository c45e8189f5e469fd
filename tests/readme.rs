//! The README stays true.

use bevy_bouncer::Limits;

const README: &str = include_str!("../README.md");

#[test]
fn the_first_block_of_code_is_the_minimal_example() {
    let (_, after) = README.split_once("```rust").unwrap();
    let (_, code) = after.split_once('\n').unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let example = include_str!("../examples/minimal.rs");
    assert_eq!(code, example);
    assert!(example.lines().count() < 40);
}

#[test]
fn every_limit_is_in_the_table() {
    let shown = format!("{:?}", Limits::default());
    let fields = shown
        .trim_start_matches("Limits { ")
        .split(", ")
        .filter_map(|field| field.split_once(": "))
        .map(|(name, _)| name);
    let mut count = 0;
    for field in fields {
        assert!(README.contains(&format!("`{field}`")), "{field} is missing");
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
