//! Good heads in any pieces, and bad heads of every kind.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use proptest::prelude::*;
use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::*;

/// The defaults of the configuration.
const LIMITS: HeadLimits = HeadLimits {
    bytes: 8 * 1024,
    fields: 48,
};

impl Head {
    /// A `GET` with these fields, as the other modules' tests need it.
    pub(crate) fn get(path: &str, fields: &[(&'static str, &str)]) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        Self {
            method: Method::Get,
            path: path.to_owned(),
            query: None,
            headers,
        }
    }
}

/// A stream that gives its pieces one read at a time and then ends.
struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    fn new<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut pieces: Vec<Vec<u8>> = pieces.into_iter().map(<[u8]>::to_vec).collect();
        pieces.reverse();
        Self(pieces)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(mut piece) = self.0.pop() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Head, HeadError> {
    read_within(pieces, LIMITS)
}

fn read_within<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: HeadLimits,
) -> Result<Head, HeadError> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(read_head(&mut Pieces::new(pieces), limits))
}

/// The status of the refusal, or 0 when the client is gone.
fn status(result: Result<Head, HeadError>) -> u16 {
    match result {
        Ok(head) => panic!("{head:?} was taken"),
        Err(HeadError::Refused(refusal)) => refusal.kind().status(),
        Err(HeadError::Gone) => 0,
    }
}

const GOOD: &[u8] = b"GET /ws?a=b%20c HTTP/1.1\r\n\
    Host: Game.Example:9000\r\n\
    Upgrade:websocket\r\n\
    X-Many: one\r\n\
    X-Many: two\r\n\
    X-Latin: \xe4\r\n\
    X-Empty:\r\n\
    Authorization: \t Bearer secret-token \t\r\n\
    Content-Length: 0\r\n\r\n";

#[test]
fn a_good_head_is_split_into_its_parts() {
    let head = read([GOOD]).unwrap();
    assert_eq!(head.method, Method::Get);
    assert_eq!(head.path, "/ws");
    assert_eq!(head.query.as_deref(), Some("a=b%20c"));
    let value = |name| head.header(HeaderName::from_static(name));
    assert_eq!(value("host"), Some("Game.Example:9000"));
    assert_eq!(value("upgrade"), Some("websocket"));
    assert_eq!(value("authorization"), Some("Bearer secret-token"));
    assert_eq!(value("x-empty"), Some(""));
    assert_eq!(value("x-latin"), None);
    assert_eq!(head.headers.get_all("x-many").iter().count(), 2);
    assert_eq!(parse(GOOD, LIMITS), Ok(Some((head, GOOD.len()))));

    let options = read([&b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"[..]]).unwrap();
    assert_eq!(options.method, Method::Options);
    assert_eq!((options.path.as_str(), options.query), ("/", None));
}

#[test]
fn p12_debug_shows_neither_query_nor_token() {
    let head = read([GOOD]).unwrap();
    assert!(!format!("{head:?}").contains("b%20c"));
    assert!(!format!("{head:?} {:?}", head.headers).contains("secret"));
}

#[test]
fn a_head_split_at_every_byte_is_the_same_head() {
    let whole = read([GOOD]).unwrap();
    for at in 1..GOOD.len() {
        let (first, second) = GOOD.split_at(at);
        assert_eq!(read([first, second]).unwrap(), whole, "split at {at}");
        assert_eq!(parse(first, LIMITS), Ok(None), "first {at}");
    }
    assert_eq!(read(GOOD.chunks(1)).unwrap(), whole);
}

#[test]
fn a_client_that_hangs_up_early_is_gone() {
    for at in 0..GOOD.len() {
        assert_eq!(status(read([&GOOD[..at]])), 0, "after {at}");
    }
}

#[test]
fn bad_heads_are_refused() {
    let cases: &[(u16, &[u8])] = &[
        // Line ends.
        (400, b"GET / HTTP/1.1\nHost: a\n\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"),
        (400, b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"\r\n\r\n"),
        // Request line.
        (400, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, b"GET /\r\nHost: a\r\n\r\n"),
        (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, b"\x00"),
        // Methods.
        (405, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"),
        (405, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Target.
        (400, b"GET http://a/ws HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET ws HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET //evil/ws HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /\\evil HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /ws#top HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /ws?a#top HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /w\x01s HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /w\x7fs HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /w\xc3\xa4s HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /?\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET ? HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Host.
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        // Fields.
        (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX(): b\r\n\r\n"),
        // Fields that may come only once.
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: x\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nauthorization: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nUpgrade: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Key: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        // A body, or anything else after the head.
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x85\x00\x00\x00\x00hello"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"),
    ];
    for (expected, bytes) in cases {
        let text = bytes.escape_ascii();
        assert_eq!(status(read([*bytes])), *expected, "{text}");
        // A piece may end the head before the bytes after it have come, so only what is refused
        // for its own sake is refused in any pieces.
        if !matches!(parse(bytes, LIMITS), Ok(Some(_))) {
            assert_eq!(status(read(bytes.chunks(1))), *expected, "bytewise {text}");
        }
    }
}

#[test]
fn a_bare_line_feed_is_refused_before_the_head_is_complete() {
    assert_eq!(status(read([&b"GET / HTTP/1.1\n"[..]])), 400);
}

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let limits = HeadLimits {
        bytes: 600,
        ..LIMITS
    };
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4)).into_bytes()
    };
    assert!(read_within([&*head(600)], limits).is_ok());
    assert!(read_within(head(600).chunks(1), limits).is_ok());
    assert_eq!(status(read_within([&*head(601)], limits)), 431);
    assert_eq!(status(read_within(head(601).chunks(1), limits)), 431);
    assert_eq!(status(read_within([&*vec![b'x'; 601]], limits)), 431);
    assert_eq!(status(read_within([&*vec![b'x'; 1 << 20]], limits)), 431);
    let mut early = head(600);
    early.push(b'x');
    assert_eq!(status(read_within([&*early], limits)), 400);
}

#[test]
fn a_head_may_have_as_many_fields_as_the_limit_and_no_more() {
    let head = |fields: usize| {
        let more = "X: y\r\n".repeat(fields - 1);
        format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n").into_bytes()
    };
    assert!(read([&*head(LIMITS.fields)]).is_ok());
    assert_eq!(status(read([&*head(LIMITS.fields + 1)])), 431);
}

#[tokio::test]
async fn a_refused_head_leaves_the_rest_unread() {
    let mut long = Pieces::new([&*vec![b'x'; 1 << 20]]);
    assert!(read_head(&mut long, LIMITS).await.is_err());
    assert_eq!(long.0[0].len(), (1 << 20) - LIMITS.bytes - 1);
}

proptest! {
    #[test]
    fn any_pieces_give_what_the_whole_gives(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            (0..GOOD.len(), any::<u8>()).prop_map(|(at, byte)| {
                let mut bytes = GOOD.to_vec();
                bytes[at] = byte;
                bytes
            }),
        ],
        size in 1..50_usize,
    ) {
        let whole = match parse(&bytes, LIMITS) {
            Ok(Some((head, length))) if length == bytes.len() => Ok(head),
            // Whether the bytes after a head are seen depends on the pieces.
            Ok(Some(_)) => return Ok(()),
            Ok(None) => Err(0),
            Err(refusal) => Err(refusal.kind().status()),
        };
        let pieces = match read(bytes.chunks(size)) {
            Ok(head) => Ok(head),
            refused => Err(status(refused)),
        };
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn what_is_taken_has_no_stray_line_ends(at in 0..GOOD.len(), byte in prop_oneof![Just(b'\r'), Just(b'\n')]) {
        let mut bytes = GOOD.to_vec();
        bytes.insert(at, byte);
        prop_assert_eq!(status(read([&*bytes])), 400);
    }
}
