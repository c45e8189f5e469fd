//! Group 6: text is UTF-8, and what is not fails at the first byte that shows it.

use std::str;

use crate::{case::*, wire::*};

/// "κόσμε".
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Sequences that are right, by what they show.
const RIGHT: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("a word", KOSME),
    (
        "several scripts",
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!".as_bytes(),
    ),
    ("the first of one byte", b"\x00"),
    ("the first of two", b"\xc2\x80"),
    ("the first of three", b"\xe0\xa0\x80"),
    ("the first of four", b"\xf0\x90\x80\x80"),
    ("the last of one byte", b"\x7f"),
    ("the last of two", b"\xdf\xbf"),
    ("the last of three", b"\xef\xbf\xbf"),
    ("the last of four", b"\xf4\x8f\xbf\xbf"),
    ("the last before the surrogates", b"\xed\x9f\xbf"),
    ("the first after the surrogates", b"\xee\x80\x80"),
    ("the replacement character", b"\xef\xbf\xbd"),
    (
        "specials",
        b"\xef\xbf\xb9\xef\xbf\xba\xef\xbf\xbb\xef\xbf\xbc",
    ),
];

/// Sequences that are wrong: how many of the bytes could still be the start of a text, and all of them.
const WRONG: &[(&str, usize, &[u8])] = &[
    ("five bytes", 0, b"\xf8\x88\x80\x80\x80"),
    ("six bytes", 0, b"\xfc\x84\x80\x80\x80\x80"),
    ("the last of 21 bits", 0, b"\xf7\xbf\xbf\xbf"),
    ("the last of five bytes", 0, b"\xfb\xbf\xbf\xbf\xbf"),
    ("the last of six bytes", 0, b"\xfd\xbf\xbf\xbf\xbf\xbf"),
    ("above the last character", 1, b"\xf4\x90\x80\x80"),
    ("a lone continuation", 0, b"\x80"),
    ("the last continuation", 0, b"\xbf"),
    ("two continuations", 0, b"\x80\xbf"),
    ("many continuations", 0, b"\x80\xbf\x80\xbf\x80\xbf\x80"),
    ("a lonely start of two", 1, b"\xdf "),
    ("a lonely start of three", 1, b"\xe0 \xe1 \xe2 "),
    ("a lonely start of four", 1, b"\xf0 \xf1 \xf2 "),
    ("a lonely start of five", 0, b"\xf8 \xf9 "),
    ("a lonely start of six", 0, b"\xfc \xfd "),
    ("three bytes without the last", 2, b"\xef\xbf\xef\xbf\xbf"),
    ("four bytes without the last", 3, b"\xf1\xbf\xbf\xce\xba"),
    ("unfinished ones in a row", 1, b"\xc3\xe0\xa0\xf0\x90\x80"),
    ("FE", 0, b"\xfe"),
    ("FF", 0, b"\xff"),
    ("FE and FF", 0, b"\xfe\xfe\xff\xff"),
    ("a slash in two bytes", 0, b"\xc0\xaf"),
    ("a slash in three", 1, b"\xe0\x80\xaf"),
    ("a slash in four", 1, b"\xf0\x80\x80\xaf"),
    ("a slash in five", 0, b"\xf8\x80\x80\x80\xaf"),
    ("a slash in six", 0, b"\xfc\x80\x80\x80\x80\xaf"),
    ("the last too long in two bytes", 0, b"\xc1\xbf"),
    ("the last too long in three", 1, b"\xe0\x9f\xbf"),
    ("the last too long in four", 1, b"\xf0\x8f\xbf\xbf"),
    ("NUL in two bytes", 0, b"\xc0\x80"),
    ("NUL in three", 1, b"\xe0\x80\x80"),
    ("NUL in four", 1, b"\xf0\x80\x80\x80"),
    ("the first surrogate", 1, b"\xed\xa0\x80"),
    ("the last high surrogate", 1, b"\xed\xaf\xbf"),
    ("the first low surrogate", 1, b"\xed\xb0\x80"),
    ("the last surrogate", 1, b"\xed\xbf\xbf"),
    ("a pair of surrogates", 1, b"\xed\xa0\x80\xed\xb0\x80"),
];

/// One message, and the same message in frames of one byte.
fn both_ways(content: &[u8]) -> [Vec<Frame>; 2] {
    let parts: Vec<_> = content.chunks(1).collect();
    let cut = if parts.is_empty() {
        fragments(TEXT, &["", "", ""])
    } else {
        fragments(TEXT, &parts)
    };
    [vec![text(content)], cut]
}

#[test]
fn right_text_comes_back_in_one_frame_and_in_many() {
    for (name, content) in RIGHT {
        for sent in both_ways(content) {
            check([case(*name, &sent, &[text(content)], End::Open)]);
        }
    }
}

/// Those that Unicode gives no meaning are characters all the same.
#[test]
fn the_noncharacters_of_all_planes_come_back() {
    let noncharacters = (0..=16_u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    let content: String = noncharacters
        .map(|scalar| char::from_u32(scalar).unwrap())
        .collect();
    for sent in both_ways(content.as_bytes()) {
        check([case("noncharacters", &sent, &[text(&content)], End::Open)]);
    }
}

#[test]
fn wrong_text_fails_in_one_frame_and_in_many() {
    for (name, _, wrong) in WRONG {
        let content = [KOSME, wrong, b"edited"].concat();
        for sent in both_ways(&content) {
            check([case(*name, &sent, &[], End::Fails(1007))]);
        }
    }
}

#[test]
fn text_that_ends_within_a_character_fails_and_any_other_start_of_it_does_not() {
    let content = [KOSME, "\u{800}\u{10000}".as_bytes()].concat();
    for length in 1..=content.len() {
        let start = &content[..length];
        let (answers, end) = match str::from_utf8(start) {
            Ok(_) => (vec![text(start)], End::Open),
            Err(_) => (vec![], End::Fails(1007)),
        };
        for sent in both_ways(start) {
            let name = format!("{length} bytes in {} frames", sent.len());
            check([case(name, &sent, &answers, end.clone())]);
        }
    }
}

/// An end within a character may be a frame without content.
#[test]
fn half_a_character_fails_with_an_empty_last_frame() {
    check(fails("empty", 1007, &fragments(TEXT, &[&b"\xce"[..], b""])));
}

#[test]
fn wrong_text_fails_in_the_middle_of_a_message_at_the_first_byte_that_shows_it() {
    for (name, so_far_right, wrong) in WRONG {
        let content = [KOSME, &wrong[..=*so_far_right]].concat();
        let (before, at) = content.split_at(content.len() - 1);
        let mut client = RawClient::join(server());
        let sent = [frame(TEXT, before), ping("still right")];
        client.send(&bytes(&sent), usize::MAX).unwrap();
        assert_eq!(client.hear(), Some(pong("still right")), "{name}");
        let unfinished = frame(CONTINUATION, at);
        client.send(&unfinished.bytes(), usize::MAX).unwrap();
        assert_eq!(rest(&mut client), [failure(1007)], "{name}");
    }
}

#[test]
fn wrong_text_fails_in_the_middle_of_a_frame_at_the_first_byte_that_shows_it() {
    for (name, so_far_right, wrong) in WRONG {
        let content = [KOSME, wrong, b"the rest never comes"].concat();
        let frame = text(&content).bytes();
        let shows = frame.len() - content.len() + KOSME.len() + so_far_right;
        let mut client = RawClient::join(server());
        client.send(&frame[..shows], usize::MAX).unwrap();
        assert!(client.is_quiet(), "{name}: still right");
        client.send(&frame[shows..=shows], usize::MAX).unwrap();
        assert_eq!(rest(&mut client), [failure(1007)], "{name}");
    }
}

/// Only text is text.
#[test]
fn binary_messages_and_pings_carry_anything() {
    for (name, _, wrong) in WRONG {
        check([case(
            *name,
            &[ping(wrong), binary(wrong)],
            &[pong(wrong), binary(wrong)],
            End::Open,
        )]);
    }
    let parts = fragments(BINARY, &[&b"\xff"[..], b"\xfe"]);
    check([case("fragments", &parts, &[binary(b"\xff\xfe")], End::Open)]);
}
