//! The reader against tungstenite's, and where it has to be stricter.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use super::{Event, ReadError, ReadRules, Reader};

const RULES: ReadRules = ReadRules::new(400, 600);
const COMPRESSED: ReadRules = ReadRules {
    compression: true,
    ..RULES
};
const MASK: [u8; 4] = [1, 2, 3, 4];

fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match content.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    let masked = content.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// What a stream means: what was said in it, how many frames began, and what it broke at which of its bytes.
#[derive(Debug, Default, PartialEq)]
struct Stream {
    said: Vec<Event<'static>>,
    frames: usize,
    broken: Option<ReadError>,
    is_unfinished: bool,
}

fn owned(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Text(text) => Event::Text(text.into_owned().into()),
        Event::Binary(content) => Event::Binary(content.into_owned().into()),
        Event::Compressed { is_text, content } => Event::Compressed {
            is_text,
            content: content.into_owned().into(),
        },
        Event::Ping(content) => Event::Ping(content.into_owned().into()),
        Event::Pong => Event::Pong,
        Event::Close(content) => Event::Close(content.into_owned().into()),
    }
}

/// Reads a stream that comes in these pieces.
fn read<'a>(rules: &ReadRules, pieces: impl IntoIterator<Item = &'a [u8]>) -> Stream {
    let mut reader = Reader::default();
    let mut read = Stream::default();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        loop {
            let event = reader.read(rules, &mut input);
            read.frames += reader.take_frames();
            match event {
                Ok(Some(event)) => read.said.push(owned(event)),
                Ok(None) => break,
                Err(error) => {
                    read.broken = Some(error);
                    return read;
                }
            }
        }
        assert!(input.is_empty(), "all of it is taken");
    }
    read.is_unfinished = reader.is_unfinished();
    read
}

fn whole(bytes: &[u8]) -> Stream {
    read(&RULES, [bytes])
}

/// A client's bytes, and nowhere to write.
struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite makes of a stream, and whether it found it broken.
fn oracle(bytes: &[u8]) -> (Vec<Event<'static>>, bool) {
    let config = WebSocketConfig::default()
        .max_frame_size(Some(RULES.max_frame))
        .max_message_size(Some(RULES.max_message));
    let mut socket = WebSocket::from_raw_socket(Bytes(bytes), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        said.push(match socket.read() {
            Ok(Message::Text(text)) => Event::Text(text.to_string().into()),
            Ok(Message::Binary(content)) => Event::Binary(content.to_vec().into()),
            Ok(Message::Ping(content)) => Event::Ping(content.to_vec().into()),
            Ok(Message::Pong(_)) => Event::Pong,
            Ok(Message::Close(frame)) => {
                let content = frame.map(|frame| {
                    let code = u16::from(frame.code).to_be_bytes();
                    [&code, frame.reason.as_bytes()].concat()
                });
                said.push(Event::Close(content.unwrap_or_default().into()));
                return (said, false);
            }
            Ok(Message::Frame(_)) => unreachable!("frames are not read raw"),
            Err(Error::Io(_)) => return (said, false),
            Err(_) => return (said, true),
        });
    }
}

/// Frames as clients make them, most of them right and in their place.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "[a-zäß€😀]{0,60}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..8),
        prop::collection::vec(any::<u8>(), 90..450),
    ];
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let close = prop_oneof![
        Just(vec![]),
        (995_u16..1020, "[a-zß]{0,9}").prop_map(|(code, reason)| [
            &code.to_be_bytes(),
            reason.as_bytes()
        ]
        .concat()),
    ];
    let one = (first, text, close).prop_map(|(first, text, close)| match first {
        0x88 => frame(first, &close),
        _ => frame(first, &text),
    });
    prop::collection::vec(one, 0..12).prop_map(|frames| frames.concat())
}

fn pieces(bytes: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for length in lengths.iter().cycle() {
        if rest.is_empty() || lengths.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at(rest.len().min(*length));
        pieces.push(piece.to_vec());
        rest = more;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// It reads what tungstenite reads, as far as that is right, and refuses what tungstenite refuses.
    #[test]
    fn tungstenite_reads_the_same(
        stream in stream(),
        spoilt in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut stream = stream;
        if let Some((at, byte)) = spoilt.filter(|_| !stream.is_empty()) {
            *at.get_mut(&mut stream) = byte;
        }
        let (said, is_broken) = oracle(&stream);
        let ours = whole(&stream);
        if ours.broken.is_none() {
            prop_assert!(!is_broken);
            prop_assert_eq!(ours.said, said);
        } else {
            prop_assert!(said.starts_with(&ours.said));
        }
    }

    #[test]
    fn any_pieces_mean_the_same(
        stream in stream(),
        lengths in prop::collection::vec(1_usize..40, 1..10),
    ) {
        let in_pieces = pieces(&stream, &lengths);
        let in_pieces = read(&RULES, in_pieces.iter().map(Vec::as_slice));
        prop_assert_eq!(in_pieces, whole(&stream));
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        whole(&bytes);
    }
}

#[test]
fn fragments_pings_and_empty_continuations_all_count() {
    let stream = [
        frame(0x81, b"hello"),
        frame(0x01, b"a"),
        frame(0x89, b""),
        frame(0x00, b""),
        frame(0x00, b""),
        frame(0x80, b"b"),
    ]
    .concat();
    let read = whole(&stream);
    assert_eq!((read.frames, read.broken), (6, None));
    let said = [
        Event::Text("hello".into()),
        Event::Ping(vec![].into()),
        Event::Text("ab".into()),
    ];
    assert_eq!(read.said, said);
}

#[test]
fn a_message_that_is_whole_is_not_copied() {
    let mut stream = [frame(0x81, "whole €".as_bytes()), frame(0x82, b"too")].concat();
    let place = stream.as_ptr_range();
    let mut input = &mut stream[..];
    let mut reader = Reader::default();
    while let Some(event) = reader.read(&RULES, &mut input).unwrap() {
        let content = match &event {
            Event::Text(text) => text.as_bytes(),
            Event::Binary(content) => content,
            other => panic!("{other:?}"),
        };
        assert!(place.contains(&content.as_ptr()));
    }
}

#[test]
fn a_fragmented_message_is_unfinished_until_its_last_frame() {
    let mut stream = frame(0x01, b"one");
    assert!(whole(&stream).is_unfinished);
    stream.extend(frame(0x89, b""));
    assert!(whole(&stream).is_unfinished, "a ping ends nothing");
    stream.extend(frame(0x80, b""));
    assert!(!whole(&stream).is_unfinished);
    stream.push(0x81);
    assert!(whole(&stream).is_unfinished, "half a header");
}

/// A broken frame is found at the same byte in any pieces, and before it is whole.
#[test]
fn a_broken_frame_is_found_at_its_first_wrong_byte() {
    use ReadError::{NotUtf8, Protocol, TooLong};
    let good = frame(0x81, b"hello");
    let zeros = |first: u8, second: u8| [&[first, second][..], &MASK].concat();
    for (name, bad, right, error) in [
        ("a reserved bit", zeros(0xc1, 0x80), 1, Protocol),
        ("no mask", vec![0x81, 0x00], 1, Protocol),
        ("a reserved opcode", zeros(0x8b, 0x80), 1, Protocol),
        ("nothing to continue", frame(0x80, b""), 1, Protocol),
        ("a fragmented ping", frame(0x09, b""), 1, Protocol),
        ("a long ping", frame(0x89, &[0; 126]), 1, Protocol),
        ("a long form", zeros(0x81, 0xfe), 7, Protocol),
        ("half a close code", frame(0x88, b"x"), 5, Protocol),
        ("code 1005", frame(0x88, &[3, 0xed, 0]), 7, Protocol),
        ("not text", frame(0x81, b"ab\xffc"), 8, NotUtf8),
        ("half a character", frame(0x81, b"\xc3"), 6, NotUtf8),
        ("in a reason", frame(0x88, b"\x03\xe8\xffx"), 8, NotUtf8),
        ("a long frame", frame(0x82, &[0; 401]), 7, TooLong),
    ] {
        let mut bad = bad;
        if name == "a long form" {
            bad.splice(2..2, [0, 125]);
        }
        let stream = [&good[..], &bad].concat();
        for step in [1, 2, 5, stream.len()] {
            let read = read(&RULES, stream.chunks(step));
            assert_eq!(read.broken, Some(error), "{name} in steps of {step}");
            assert_eq!(read.said.len(), 1, "{name}");
        }
        let until = |end: usize| read(&RULES, stream[..good.len() + end].chunks(1)).broken;
        assert_eq!(until(right), None, "{name}");
        assert_eq!(until(right + 1), Some(error), "{name}");
    }
}

#[test]
fn a_message_is_too_long_at_the_header_that_makes_it_so() {
    let begun = [frame(0x01, &[b'x'; 400]), frame(0x00, &[b'x'; 200])].concat();
    assert_eq!(whole(&begun).broken, None);
    let more = [&begun[..], &frame(0x80, b"x")[..6]].concat();
    assert_eq!(whole(&more).broken, Some(ReadError::TooLong));
    let ended = [&begun[..], &frame(0x80, b"")].concat();
    assert_eq!(whole(&ended).said.len(), 1);
}

#[test]
fn nothing_after_a_close_is_looked_at() {
    let stream = [frame(0x88, b""), vec![0xff; 100]].concat();
    let read = whole(&stream);
    assert_eq!((read.frames, read.broken), (1, None));
    assert_eq!(read.said, [Event::Close(vec![].into())]);
}

#[test]
fn rsv1_marks_a_message_only_where_it_was_negotiated_and_only_its_first_frame() {
    let compressed = |content: &'static [u8]| Event::Compressed {
        is_text: true,
        content: content.into(),
    };
    // Of what is compressed nothing says yet whether it is text.
    let one = frame(0xc1, b"\xff");
    assert_eq!(whole(&one).broken, Some(ReadError::Protocol));
    assert_eq!(read(&COMPRESSED, [&one[..]]).said, [compressed(b"\xff")]);
    let two = [frame(0x41, b"\xff"), frame(0x80, b"\xfe")].concat();
    let said = [compressed(b"\xff\xfe")];
    assert_eq!(read(&COMPRESSED, [&two[..]]).said, said);
    let plain = read(&COMPRESSED, [&frame(0x81, b"plain")[..]]);
    assert_eq!(plain.said, [Event::Text("plain".into())]);
    for bad in [
        [frame(0x41, b"a"), frame(0xc0, b"b")].concat(),
        frame(0xc9, b""),
        frame(0xa1, b""),
    ] {
        let read = read(&COMPRESSED, [&bad[..]]);
        assert_eq!(read.broken, Some(ReadError::Protocol));
    }
}
