//! Group 7: a Close is answered with what it said, unless it may not be said, and ends everything.

use crate::{case::*, wire::*};

fn closed(name: impl Into<String>, sent: &[Frame], answer: Frame) -> Case {
    case(name, sent, &[], End::Closed(answer))
}

/// The answer is what was sent.
fn returned(name: impl Into<String>, close: Frame) -> Case {
    closed(name, std::slice::from_ref(&close), close.clone())
}

#[test]
fn a_close_is_answered_and_nothing_after_it_is_heard() {
    let first = close(1000, "bye");
    for (name, after) in [
        ("nothing", vec![]),
        ("another close", vec![close(1001, "again")]),
        ("a ping", vec![ping("after")]),
        ("a message", vec![text("after")]),
        ("something broken", vec![frame(0xff, "broken")]),
    ] {
        let sent = [&[first.clone()][..], &after].concat();
        check([closed(format!("then {name}"), &sent, first.clone())]);
    }
}

#[test]
fn a_close_within_a_message_ends_it() {
    let sent = [
        frame(TEXT, "fragment1"),
        close(1000, ""),
        frame(FINAL | CONTINUATION, "fragment2"),
    ];
    check([closed("between two fragments", &sent, close(1000, ""))]);
    let half_a_character = [frame(TEXT, [0xce]), close(1000, "\u{3ba}")];
    let answer = close(1000, "\u{3ba}");
    check([closed("within a character", &half_a_character, answer)]);
}

#[test]
fn a_close_may_say_nothing_or_much() {
    check([returned("no content", frame(FINAL | CLOSE, ""))]);
    for reason in ["", "Hello, world!", &"*".repeat(123), "\u{2014} \u{1f600}"] {
        check([returned(reason, close(1000, reason))]);
    }
}

#[test]
fn a_close_that_is_malformed_fails() {
    let one_byte = frame(FINAL | CLOSE, [0x03]);
    check(fails("half a code", 1002, &[one_byte]));
    check(fails("too long", 1002, &[close(1000, "*".repeat(124))]));
}

#[test]
fn a_reason_that_is_not_utf8_fails() {
    for (name, reason) in [
        (
            "a surrogate",
            &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..],
        ),
        ("a lone byte", b"\xff"),
        ("half a character", b"so far right \xe2\x82"),
        ("too long a form", b"\xc0\xaf"),
    ] {
        check(fails(name, 1007, &[close(1000, reason)]));
    }
}

#[test]
fn codes_that_may_be_sent_are_answered() {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999,
    ] {
        for reason in ["", "with a reason"] {
            let name = format!("{code} {reason}");
            check([returned(name, close(code, reason))]);
        }
    }
}

#[test]
fn codes_that_may_not_be_sent_fail() {
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        for reason in ["", "with a reason"] {
            let name = format!("{code} {reason}");
            check([case(name, &[close(code, reason)], &[], End::Fails(1002))]);
        }
    }
}

/// The client may wait for that (§7.1.1).
#[test]
fn a_failed_connection_is_ended_by_the_server() {
    let mut client = RawClient::join(server());
    client.send(&[0xff, 0xff], usize::MAX).unwrap();
    assert_eq!(rest(&mut client), [failure(1002)], "and then the end");
}
