//! Group 3: no extension is negotiated, so no reserved bit may be set.

use crate::{case::*, wire::*};

#[test]
fn any_reserved_bit_fails_on_any_frame() {
    let kinds = [
        ("text", text("Hello, world!")),
        ("empty text", text("")),
        ("binary", binary([0xfe; 8])),
        ("a first fragment", frame(TEXT, "Hello")),
        ("a ping", ping("Hello")),
        ("a pong", pong("")),
        ("a close", close(1000, "")),
    ];
    for bits in 1..8 {
        let (name, kind) = &kinds[bits - 1];
        let mut frame = kind.clone();
        frame.first |= (bits as u8) << 4;
        check(fails(&format!("bits {bits} on {name}"), 1002, &[frame]));
    }
    for (name, kind) in kinds {
        let mut frame = kind;
        frame.first |= 0x40;
        check([case(
            format!("RSV1 on {name}"),
            &[frame],
            &[],
            End::Fails(1002),
        )]);
    }
}

#[test]
fn a_reserved_bit_fails_on_a_continuation() {
    let sent = [frame(TEXT, "Hello"), frame(FINAL | 0x20 | CONTINUATION, "")];
    check(fails("RSV2 on a continuation", 1002, &sent));
}
