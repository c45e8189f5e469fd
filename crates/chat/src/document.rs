//! `docs/protocol.md` and the code say the same: each example is read and written with the server's own
//! types, and has every member that these have.

use std::{collections::BTreeSet, path::Path, sync::LazyLock};

use bevy_bouncer_protocol::{ErrorCode, OPS, ServerMessage};
use serde_json::Value;

use crate::{
    options::ChatOptions,
    protocol::{Request, parse},
};

/// Where the document is, from this crate.
const PATH: &str = "../../docs/protocol.md";
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    std::fs::read_to_string(path).unwrap()
});
/// Every message of the server, as serde names them.
const SERVER_MESSAGES: &[&str] = &[
    "hello",
    "beat",
    "ack",
    "err",
    "chat.msg",
    "chat.stored",
    "chat.deleted",
    "chat.whisper",
    "chat.typing",
    "presence",
    "room.rules",
    "room.joined",
    "room.closed",
    "notice",
    "muted",
    "unmuted",
    "auth.expiring",
];

/// What stands between a heading of the second level and the next one.
fn section(heading: &str) -> &'static str {
    let start = DOCUMENT.find(&format!("\n## {heading}\n")).unwrap() + 1;
    let end = DOCUMENT[start + 3..].find("\n## ");
    end.map_or(&DOCUMENT[start..], |end| &DOCUMENT[start..start + 3 + end])
}

/// The examples of a section, each with the name in its heading.
fn examples(heading: &str) -> Vec<(String, Value)> {
    let messages = section(heading).split("\n### `").skip(1);
    let example = |part: &str| {
        let (name, rest) = part.split_once('`').unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        let (json, _) = rest.split_once("```").unwrap();
        (name.to_owned(), serde_json::from_str(json).unwrap())
    };
    messages.map(example).collect()
}

/// The rows of a section's table: what stands in code in the first column, and the last column.
fn rows(heading: &str) -> Vec<(&'static str, &'static str)> {
    let lines = section(heading).lines();
    let rows = lines.filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, rest)| (name, rest.trim_matches([' ', '|'])))
        .collect()
}

fn names(examples: &[(String, Value)]) -> BTreeSet<&str> {
    examples.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_request_is_described_with_all_its_fields() {
    let examples = examples("Requests");
    assert_eq!(names(&examples), OPS.iter().copied().collect());
    for (name, mut example) in examples {
        assert_eq!(example["op"], name.as_str());
        let message = bevy_bouncer::parse_client_message(&example.to_string()).unwrap();
        assert_eq!(message.id.as_deref(), Some("c1"));
        let Ok(request) = parse(message.fields) else {
            panic!("{name} is not read")
        };
        let request: Request = request;
        example.as_object_mut().unwrap().remove("id");
        assert_eq!(serde_json::to_value(&request).unwrap(), example);
        // Every optional field is shown: what is left out is not in the code either.
        let shown = format!("{request:?}");
        assert!(!shown.contains("None"), "{name} has more fields: {shown}");
    }
}

#[test]
fn every_message_of_the_server_is_described_with_all_its_fields() {
    let examples = examples("What the server says");
    assert_eq!(names(&examples), SERVER_MESSAGES.iter().copied().collect());
    // The list above is complete.
    let unknown = serde_json::from_str::<ServerMessage>(r#"{"op": "?"}"#).unwrap_err();
    for name in SERVER_MESSAGES {
        assert!(
            unknown.to_string().contains(&format!("`{name}`")),
            "{unknown}"
        );
    }
    assert_eq!(
        unknown.to_string().matches('`').count(),
        2 * (SERVER_MESSAGES.len() + 1)
    );
    for (name, example) in examples {
        assert_eq!(example["op"], name.as_str());
        let message: ServerMessage = serde_json::from_value(example.clone()).unwrap();
        let written = serde_json::to_value(&message).unwrap();
        assert_eq!(written, example);
        for (field, value) in written.as_object().unwrap() {
            assert!(!value.is_null(), "{name}.{field}");
        }
        // Every optional member is shown: what is left out is not in the code either.
        let shown = format!("{message:?}");
        assert!(!shown.contains("None"), "{name} has more members: {shown}");
    }
}

#[test]
fn every_error_code_is_described() {
    let described: Vec<_> = rows("Errors").into_iter().map(|(code, _)| code).collect();
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(described, codes);
}

#[test]
fn the_limits_are_the_defaults() {
    let options = (
        ChatOptions::default(),
        bevy_bouncer::MessageOptions::default(),
    );
    let options = format!("{options:?}");
    let described = rows("Limits");
    assert!(described.len() > 10);
    for (field, default) in described {
        let value = options.split_once(&format!(" {field}: ")).unwrap().1;
        let value = value.split([',', ' ']).next().unwrap();
        let same = match default.strip_suffix(" s") {
            Some(seconds) => {
                let seconds = std::time::Duration::from_secs_f64(seconds.parse().unwrap());
                value == format!("{seconds:?}")
            }
            None => value.parse::<f64>().unwrap() == default.parse::<f64>().unwrap(),
        };
        assert!(
            same,
            "{field}: {default} in the document, {value} in the code"
        );
    }
}
