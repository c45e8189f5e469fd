//! What a client does next, after the refusals and ends in the examples: comes back, gets a new token, or stops. Each
//! example is in the table with what it means; a new one that is not there fails.

use std::{collections::BTreeSet, fs, path::Path};

use bevy_bouncer::{DisconnectReason, GameCode, Refusal, RefusalKind};
use bevy_bouncer_protocol::Advice;

use crate::markdown::{blocks, documents, root};

use Advice::{NewToken, Reconnect, Stop};

/// File, what stands in its example, and what the example means.
const MEANT: &[(&str, &str, Advice)] = &[
    // An invitation that nobody knows: another one may do.
    (
        "examples/custom_authenticator.rs",
        "Refusal::unauthorized",
        NewToken,
    ),
    // "take a break" means: come back.
    ("examples/revoke_and_ban.rs", ".kick(", Reconnect),
    ("src/auth/mod.rs", "Refusal::unauthorized", NewToken),
    // The fault of the server.
    ("src/auth/mod.rs", "Refusal::unavailable", Reconnect),
    // The map is there in a moment.
    (
        "src/identity/close_reason.rs",
        "GameCode::new(4050)",
        Reconnect,
    ),
    // There is no place now.
    ("src/identity/refusal.rs", "Refusal::full", Reconnect),
    (
        "src/identity/refusal.rs",
        "RefusalKind::Capacity",
        Reconnect,
    ),
    ("src/world/bouncer.rs", "Refusal::unavailable", Reconnect),
    // The match is over, and nobody is accused.
    ("src/world/commands.rs", "DisconnectReason::Finished", Stop),
    // The hall of another guild: coming back does not help.
    ("src/world/events.rs", "Refusal::forbidden", Stop),
    ("src/world/events.rs", "Refusal::full", Reconnect),
    (
        "crates/protocol/src/close_code.rs",
        "GameCode::new(4050)",
        Reconnect,
    ),
    (
        "crates/protocol/src/close_code.rs",
        "GameCode::new(4450)",
        Stop,
    ),
    // Banned for cheating.
    ("examples/revoke_and_ban.rs", ".ban()", Stop),
    ("src/world/commands.rs", ".ban()", Stop),
    ("src/lib.rs", ".ban()", Stop),
    ("src/revocation/mod.rs", ".ban()", Stop),
    ("src/world/bouncer.rs", ".ban()", Stop),
];

/// No end of a connection: what an example shows to be none.
const NO_CODE: &str = "GameCode::new(4403)";

#[test]
fn after_each_example_a_client_does_what_the_example_means() {
    let mut found = BTreeSet::new();
    for (file, code) in examples() {
        for ending in endings(&code) {
            if ending != NO_CODE {
                found.insert((file.clone(), ending));
            }
        }
    }
    let meant: BTreeSet<(String, String)> = MEANT
        .iter()
        .map(|(file, ending, _)| (file.to_string(), ending.to_string()))
        .collect();
    let unknown: Vec<_> = found.difference(&meant).collect();
    assert!(unknown.is_empty(), "say what they mean: {unknown:#?}");
    let gone: Vec<_> = meant.difference(&found).collect();
    assert!(gone.is_empty(), "they are not there any more: {gone:#?}");
    for (file, ending, meant) in MEANT {
        assert_eq!(advice(ending), *meant, "{file}: {ending}");
    }
}

/// What a client does after this.
fn advice(ending: &str) -> Advice {
    let after_refusal = |refusal: Refusal| refusal.kind().advice();
    let after_close = |reason: DisconnectReason| Advice::for_close_code(reason.close_code());
    match ending {
        ".kick(" => after_close(DisconnectReason::Kicked),
        ".ban()" => {
            let closed = after_close(DisconnectReason::Banned);
            assert_eq!(closed, after_refusal(RefusalKind::Banned.into()));
            closed
        }
        "Refusal::full" => after_refusal(Refusal::full("")),
        "Refusal::forbidden" => after_refusal(Refusal::forbidden("")),
        "Refusal::banned" => after_refusal(Refusal::banned("")),
        "Refusal::unauthorized" => after_refusal(Refusal::unauthorized("")),
        "Refusal::unavailable" => after_refusal(Refusal::unavailable("")),
        "Refusal::bad_request" => after_refusal(Refusal::bad_request("")),
        "RefusalKind::Capacity" => RefusalKind::Capacity.advice(),
        "DisconnectReason::Finished" => after_close(DisconnectReason::Finished),
        "DisconnectReason::Kicked" => after_close(DisconnectReason::Kicked),
        code => {
            let number = code
                .trim_start_matches("GameCode::new(")
                .trim_end_matches(')');
            let code = number.parse().ok().and_then(GameCode::new);
            code.unwrap_or_else(|| panic!("say what a client does after {ending}"))
                .advice()
        }
    }
}

/// The refusals and ends in this code.
fn endings(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in ["Refusal::", "RefusalKind::", "DisconnectReason::"] {
        for (at, _) in code.match_indices(word) {
            let name = &code[at + word.len()..];
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
            found.push(format!("{word}{}", &name[..end]));
        }
    }
    // What the game's own codes are wrapped in, and what says which one it is.
    found.retain(|ending| ending != "DisconnectReason::Game" && ending != "Refusal::from");
    for (at, word) in code.match_indices("GameCode::new(") {
        let end = code[at..].find(')').unwrap_or(word.len());
        found.push(code[at..=at + end].to_owned());
    }
    for word in [".kick(", ".ban()"] {
        found.extend(code.contains(word).then(|| word.to_owned()));
    }
    found
}

/// The code that is shown to readers: documents, documentation comments, and the small examples.
fn examples() -> Vec<(String, String)> {
    let mut examples = Vec::new();
    for document in documents() {
        let code = blocks(&document).into_iter().map(|block| block.code);
        examples.push((document.clone(), code.collect()));
    }
    for folder in [
        "src",
        "crates/protocol/src",
        "crates/text/src",
        "crates/chat/src",
    ] {
        for (file, text) in sources(&root().join(folder)) {
            examples.push((file, documentation(&text)));
        }
    }
    // The lobby is a program and no lesson.
    for (file, text) in sources(&root().join("examples")) {
        if !file.starts_with("examples/lobby") {
            examples.push((file, text));
        }
    }
    examples
}

/// The code in the documentation comments of a file.
fn documentation(text: &str) -> String {
    let mut code = String::new();
    let mut is_code = false;
    for line in text.lines().map(str::trim_start) {
        let line = line
            .strip_prefix("/// ")
            .or_else(|| line.strip_prefix("//! "));
        match line {
            Some(line) if line.starts_with("```") => is_code = !is_code,
            // What is hidden from the reader shows nothing.
            Some(line) if is_code && !line.starts_with("# ") => {
                code += line;
                code.push('\n');
            }
            _ => {}
        }
    }
    code
}

/// The Rust files below a folder, by their path from the root.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            sources.push((name, fs::read_to_string(path).unwrap()));
        }
    }
    sources
}
