//! Group 5: fragments make one message, control frames come between them, and their order is checked.

use crate::{case::*, wire::*};

#[test]
fn fragments_are_echoed_as_one_message() {
    for opcode in [TEXT, BINARY] {
        for contents in [
            &["fragment1", "fragment2"][..],
            &["", "", ""],
            &["", "middle", ""],
            &["one", "", "two", "", "three"],
        ] {
            let message = frame(FINAL | opcode, contents.concat());
            check([case(
                format!("{opcode}: {contents:?}"),
                &fragments(opcode, contents),
                &[message],
                End::Open,
            )]);
        }
    }
}

#[test]
fn pings_between_fragments_are_answered_before_the_message_ends() {
    let [one, two, three, four, five] = ["one", "two", "three", "four", "five"];
    let parts = fragments(TEXT, &[one, two, three, four, five]);
    let with_pings = [
        &parts[..2],
        &[ping("first")],
        &parts[2..4],
        &[ping("second"), pong("unsolicited")],
        &parts[4..],
    ]
    .concat();
    check([case(
        "two pings and a pong",
        &with_pings,
        &[
            pong("first"),
            pong("second"),
            text([one, two, three, four, five].concat()),
        ],
        End::Open,
    )]);

    let mut client = RawClient::join(server());
    client.send(&bytes(&with_pings[..3]), usize::MAX).unwrap();
    assert_eq!(client.hear(), Some(pong("first")), "without the rest");
    client.send(&bytes(&with_pings[3..]), usize::MAX).unwrap();
    assert_eq!(client.hear(), Some(pong("second")));
    assert_eq!(client.hear(), Some(text("onetwothreefourfive")));
}

#[test]
fn a_control_frame_in_fragments_fails() {
    for (name, opcode) in [("a ping", PING), ("a pong", PONG), ("a close", CLOSE)] {
        let contents: &[&[u8]] = &[&[0x03, 0xe8], b"rest"];
        check(fails(name, 1002, &fragments(opcode, contents)));
    }
}

#[test]
fn a_continuation_of_nothing_fails() {
    let parts = fragments(TEXT, &["fragment1", "fragment2"]);
    for (name, first) in [
        ("the last", FINAL | CONTINUATION),
        ("another", CONTINUATION),
    ] {
        let lone = [frame(first, "non-continuation payload"), text("not heard")];
        check(fails(name, 1002, &lone));
        let empty = [frame(first, "")];
        check(fails(&format!("{name}, empty"), 1002, &empty));
        let after_a_message = [&parts[..], &lone].concat();
        let echo = text("fragment1fragment2");
        let name = format!("{name}, after a message in fragments");
        check([case(name, &after_a_message, &[echo], End::Fails(1002))]);
    }
}

#[test]
fn a_message_within_a_message_fails() {
    for (name, second) in [
        ("text in text", text("fragment2")),
        ("binary in text", binary("fragment2")),
        ("a first fragment in text", frame(TEXT, "fragment2")),
    ] {
        check(fails(name, 1002, &[frame(TEXT, "fragment1"), second]));
    }
    let sent = [frame(BINARY, ""), frame(FINAL | BINARY, "")];
    check(fails("binary in binary", 1002, &sent));
}
