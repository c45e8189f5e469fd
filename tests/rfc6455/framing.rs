//! Group 1: messages of every length form come back in the shortest form, and only in that are taken.

use crate::{case::*, wire::*};

#[test]
fn every_length_form_is_echoed_in_its_shortest_form() {
    for length in [0, 1, 125, 126, 127, 128] {
        let messages = [text(vec![b'*'; length]), binary(vec![0xfe; length])];
        check([case(
            format!("{length} bytes"),
            &messages,
            &messages,
            End::Open,
        )]);
    }
}

#[test]
fn long_messages_are_echoed_however_they_are_cut() {
    for length in [65_535, 65_536] {
        for message in [text(vec![b'*'; length]), binary(vec![0xfe; length])] {
            for piece in [usize::MAX, 997] {
                let mut client = RawClient::join(server());
                client.send(&message.bytes(), piece).unwrap();
                assert_eq!(client.hear(), Some(message.clone()), "in {piece}");
            }
        }
    }
}

/// §5.2: "the minimal number of bytes MUST be used to encode the length", and "the most significant
/// bit MUST be 0".
#[test]
fn a_length_in_a_longer_form_fails() {
    let forms: [(&str, u8, usize, &[u8]); 8] = [
        ("0 in 16 bits", TEXT, 0, &[126, 0, 0]),
        ("125 in 16 bits", BINARY, 125, &[126, 0, 125]),
        ("0 in 64 bits", TEXT, 0, &[127, 0, 0, 0, 0, 0, 0, 0, 0]),
        (
            "126 in 64 bits",
            BINARY,
            126,
            &[127, 0, 0, 0, 0, 0, 0, 0, 126],
        ),
        (
            "65535 in 64 bits",
            TEXT,
            10,
            &[127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        ),
        (
            "the highest bit",
            BINARY,
            0,
            &[127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "the highest bit and more",
            TEXT,
            0,
            &[127, 0xff, 0, 0, 0, 0, 1, 0, 0],
        ),
        ("a ping in 16 bits", PING, 2, &[126, 0, 2]),
    ];
    for (name, opcode, length, form) in forms {
        let frame = frame(FINAL | opcode, vec![b'x'; length]);
        check([Case {
            name: name.to_owned(),
            sent: frame.with_length(form),
            answers: Vec::new(),
            end: End::Fails(1002),
        }]);
    }
}

#[test]
fn a_frame_without_a_mask_fails_before_its_content() {
    for (name, sent) in [
        ("text", &[0x81, 5][..]),
        ("text without content", &[0x81, 0]),
        ("a ping", &[0x89, 0]),
        ("a close", &[0x88, 2]),
        ("a continuation", &[0x80, 3]),
        ("a long one", &[0x82, 127]),
    ] {
        check([Case {
            name: name.to_owned(),
            sent: sent.to_vec(),
            answers: Vec::new(),
            end: End::Fails(1002),
        }]);
    }
}

#[test]
fn a_mask_of_zeros_is_a_mask() {
    let mut client = RawClient::join(server());
    let sent = [&[0x81, 0x85, 0, 0, 0, 0][..], b"plain"].concat();
    client.send(&sent, usize::MAX).unwrap();
    assert_eq!(client.hear(), Some(text("plain")));
}
