//! The keys that a file may have, as the refusal of an unknown one lists them.

use std::collections::BTreeSet;

use crate::accepted::parse;

/// Every section of the file by its name, with a file that has an unknown key there.
const SECTIONS: [(&str, &str); 12] = [
    ("", "unknown = 1"),
    ("auth", "[auth]\nunknown = 1"),
    ("auth.remote_keys", "[auth.remote_keys]\nunknown = 1"),
    ("users", "[users]\nunknown = 1"),
    ("users.fixed", "[[users.fixed]]\nunknown = 1"),
    ("revocations", "[revocations]\nunknown = 1"),
    ("tls", "[tls]\nunknown = 1"),
    ("admin", "[admin]\nunknown = 1"),
    ("drain", "[drain]\nunknown = 1"),
    ("cluster", "[cluster]\nunknown = 1"),
    ("limits", "[limits]\nunknown = 1"),
    ("messages", "[messages]\nunknown = 1"),
];

/// All keys that may stand in a file, each with its section: `limits.connections`. Sections are no keys.
pub fn accepted() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (section, file) in SECTIONS {
        let refusal = parse(file).unwrap_err();
        let (_, listed) = refusal
            .split_once("unknown field `unknown`, expected ")
            .unwrap_or_else(|| panic!("{refusal}"));
        for key in listed.split('`').skip(1).step_by(2) {
            keys.insert(full(section, key));
        }
    }
    for (section, _) in SECTIONS {
        // `users.fixed` is a key as well, with a list of tables.
        if section != "users.fixed" {
            keys.remove(section);
        }
    }
    assert!(keys.len() > 90, "{} keys", keys.len());
    keys
}

/// The name of a key with its section.
pub fn full(section: &str, key: &str) -> String {
    if section.is_empty() {
        return key.to_owned();
    }
    format!("{section}.{key}")
}

/// Fails with the keys that only one of the two has.
#[track_caller]
pub fn assert_same(documented: &BTreeSet<String>) {
    let accepted = accepted();
    let missing: Vec<_> = accepted.difference(documented).collect();
    let unknown: Vec<_> = documented.difference(&accepted).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
    assert!(unknown.is_empty(), "documented, but unknown: {unknown:?}");
}
