//! The reader of request heads: any split of the bytes gives what the whole gives, and what is taken
//! has exactly the form that the rules ask for.
//!
//! Input: a byte for the limits, a byte for the length of the pieces, and the bytes of the client.

#![no_main]

use std::sync::LazyLock;

use bevy_bouncer::{
    Limits,
    fuzzing::{TakenHead, parse_head, read_head},
};
use libfuzzer_sys::fuzz_target;

/// The defaults, and small ones, so that short inputs reach them.
static LIMITS: LazyLock<[Limits; 2]> = LazyLock::new(|| {
    let mut small = Limits::default();
    small.head_bytes = 512;
    small.head_fields = 8;
    [Limits::default(), small]
});

fuzz_target!(|input: &[u8]| {
    let [limits, piece, bytes @ ..] = input else {
        return;
    };
    let limits = &LIMITS[usize::from(limits % 2)];
    let parsed = parse_head(bytes, limits);
    let whole = read_head([bytes], limits);
    check_same(&parsed, &whole, bytes);
    let pieces = read_head(bytes.chunks(usize::from(*piece).max(1)), limits);
    check_same(&parsed, &pieces, bytes);
    if piece % 16 == 0 {
        check_same(&parsed, &read_head(bytes.chunks(1), limits), bytes);
        let (first, second) = bytes.split_at(usize::from(*piece).min(bytes.len()));
        check_same(&parsed, &read_head([first, second], limits), bytes);
    }
    if let Ok(Some((head, length))) = &parsed {
        check_form(head, &bytes[..*length], limits);
    }
});

/// Bytes after the head are refused when they are there in time. Otherwise all ways of reading agree.
fn check_same(
    parsed: &Result<Option<(TakenHead, usize)>, u16>,
    read: &Result<TakenHead, u16>,
    bytes: &[u8],
) {
    match (parsed, read) {
        (Ok(Some((parsed, _))), Ok(read)) => assert_eq!(parsed, read),
        (Ok(Some((_, length))), Err(400)) => assert!(*length < bytes.len()),
        (Ok(None), Err(0)) => {}
        (Err(expected), Err(status)) => assert_eq!(expected, status),
        other => panic!("{other:?}"),
    }
}

/// Splits the head again, naively, and expects to find the same parts.
fn check_form(head: &TakenHead, bytes: &[u8], limits: &Limits) {
    assert!(bytes.len() <= limits.head_bytes);
    let text = bytes
        .strip_suffix(b"\r\n\r\n")
        .expect("an empty line at the end");
    let lines: Vec<&[u8]> = split(text, b"\r\n");
    for line in &lines {
        assert!(!line.is_empty());
        assert!(
            line.iter()
                .all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t')
        );
    }

    let [method, target, version]: [&[u8]; 3] =
        split(lines[0], b" ").try_into().expect("three words");
    let expected: &[u8] = if head.is_get() { b"GET" } else { b"OPTIONS" };
    assert_eq!((method, version), (expected, &b"HTTP/1.1"[..]));
    let (path, query) = (head.path(), head.query());
    let joined = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
    assert_eq!(target, joined.as_bytes());
    assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains(['?', '\\']));
    assert!(target.iter().all(u8::is_ascii_graphic) && !target.contains(&b'#'));

    let fields: Vec<(String, &[u8])> = lines[1..].iter().map(|line| field(line)).collect();
    assert!(fields.len() <= limits.head_fields && fields.len() == head.fields());
    for (name, _) in &fields {
        let values: Vec<&[u8]> = fields
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(head.values(name), values, "{name}");
    }
    for name in [
        "host",
        "origin",
        "authorization",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "content-length",
    ] {
        assert!(head.values(name).len() <= 1, "{name}");
    }
    assert_eq!(head.values("host").len(), 1);
    assert!(head.values("transfer-encoding").is_empty());
    assert!(
        head.values("content-length")
            .iter()
            .all(|length| *length == b"0")
    );
    let debug = format!("{head:?}");
    let hidden = query.filter(|query| query.len() > 20 && !path.contains(query));
    assert!(hidden.is_none_or(|query| !debug.contains(query)));
}

fn field(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(!name.is_empty() && name.iter().all(is_token));
    let name = String::from_utf8(name.to_ascii_lowercase()).expect("a token");
    (name, value.trim_ascii())
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(place) = rest.windows(at.len()).position(|window| window == at) {
        parts.push(&rest[..place]);
        rest = &rest[place + at.len()..];
    }
    parts.push(rest);
    parts
}
