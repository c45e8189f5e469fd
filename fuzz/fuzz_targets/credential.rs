//! From header fields to the one credential: a second, independent reading of the same fields agrees,
//! no carrier is left behind, and nothing that is shown contains the token.
//!
//! Input: the query, and below it one header field per line.

#![no_main]

use std::sync::LazyLock;

use bevy_bouncer::{
    Limits,
    fuzzing::{TakenHead, body, parse_head},
};
use libfuzzer_sys::fuzz_target;

const TOKEN_MAX_BYTES: usize = 200;
const CARRIERS: [&str; 4] = [
    "authorization",
    "sec-websocket-protocol",
    "cookie",
    "proxy-authorization",
];

static KNOWN: LazyLock<[String; 2]> =
    LazyLock::new(|| ["game.v2".to_owned(), "game.v1".to_owned()]);

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut request = b"GET /ws".to_vec();
    request.extend_from_slice(lines.next().unwrap_or_default());
    request.extend_from_slice(b" HTTP/1.1\r\nHost: a\r\n");
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let Ok(Some((mut head, _))) = parse_head(&request, &Limits::default()) else {
        return;
    };
    let expected = expect(&head);
    let presented = head.take_credential(&*KNOWN, TOKEN_MAX_BYTES);
    for name in CARRIERS {
        assert!(head.values(name).is_empty(), "{name} is left");
    }
    match (expected, presented) {
        (Ok((credential, subprotocol)), Ok(presented)) => {
            assert_eq!(presented.credential, credential);
            assert_eq!(presented.subprotocol, subprotocol);
            if let Some((_, token)) = credential.filter(|(_, token)| token.len() > 30) {
                assert!(!presented.debug.contains(&token));
            }
        }
        (Err(status), Err(refusal)) => {
            assert_eq!(refusal.kind().status(), status);
            let shown = format!("{refusal} {refusal:?} {}", body(&refusal));
            let secret = |part: &&[u8]| part.len() > 30;
            for part in request
                .split(|byte| b" ,.=?&\r".contains(byte))
                .filter(secret)
            {
                let part = String::from_utf8_lossy(part);
                assert!(!shown.contains(&*part), "{part} is shown");
            }
        }
        other => panic!("{other:?}"),
    }
});

type Expected = Result<(Option<(&'static str, String)>, Option<String>), u16>;

/// What the rules say, written down once more.
fn expect(head: &TakenHead) -> Expected {
    let field = |name| head.values(name).first().map(|value| text(value));
    let (mut bearer, mut offered) = (None, Vec::new());
    if let Some(list) = field("sec-websocket-protocol") {
        let elements: Vec<_> = list
            .as_deref()
            .unwrap_or("")
            .split(',')
            .map(str::trim)
            .collect();
        for element in elements {
            if !is_token(element) || offered.contains(&element.to_owned()) {
                return Err(400);
            }
            match element.split_at_checked("bearer.".len()) {
                Some(("bearer.", _)) if bearer.is_some() => return Err(400),
                Some(("bearer.", token)) => bearer = Some(token.to_owned()),
                _ => offered.push(element.to_owned()),
            }
        }
        if !KNOWN.iter().any(|known| offered.contains(known)) {
            return Err(400);
        }
    }
    let subprotocol = KNOWN.iter().find(|known| offered.contains(known)).cloned();
    let mut carried = Vec::new();
    for pair in head.query().unwrap_or_default().split('&') {
        if pair == "ticket" {
            carried.push(("ticket", String::new()));
        } else if let Some(ticket) = pair.strip_prefix("ticket=") {
            carried.push(("ticket", ticket.to_owned()));
        }
    }
    carried.extend(bearer.map(|token| ("subprotocol", token)));
    if let Some(value) = field("authorization") {
        let value = value.unwrap_or_default();
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        let is_bearer = scheme.to_ascii_lowercase() == "bearer";
        let token = if is_bearer {
            token.trim_start_matches(' ')
        } else {
            ""
        };
        carried.push(("header", token.to_owned()));
    }
    if carried.len() > 1 {
        return Err(400);
    }
    let Some(credential) = carried.pop() else {
        return Ok((None, subprotocol));
    };
    let unpadded = credential.1.trim_end_matches('=');
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    let well_formed = !unpadded.is_empty() && unpadded.chars().all(|c| alphabet.contains(c));
    match well_formed && credential.1.len() <= TOKEN_MAX_BYTES {
        true => Ok((Some(credential), subprotocol)),
        false => Err(401),
    }
}

/// A value that is visible ASCII.
fn text(value: &[u8]) -> Option<String> {
    let visible = |byte: &u8| byte.is_ascii_graphic() || b" \t".contains(byte);
    let text = || String::from_utf8(value.to_vec()).ok();
    value.iter().all(visible).then(text)?
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let separators = "\"(),/:;<=>?@[\\]{} \t";
    let allowed = |c: char| c.is_ascii_graphic() && !separators.contains(c);
    !text.is_empty() && text.chars().all(allowed)
}
