//! Group 2: every ping gets its content back, and a pong that nobody asked for gets nothing.

use crate::{case::*, wire::*};

#[test]
fn a_ping_is_answered_with_its_content() {
    for content in [
        &b""[..],
        b"Hello, world!",
        &[0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff],
        &[0xfe; 125],
    ] {
        let name = format!("{} bytes", content.len());
        check([case(name, &[ping(content)], &[pong(content)], End::Open)]);
    }
}

#[test]
fn a_ping_or_pong_of_more_than_125_bytes_fails() {
    for opcode in [PING, PONG] {
        for length in [126, 127, 65_536] {
            let name = format!("{length} bytes of {opcode}");
            let sent = [frame(FINAL | opcode, vec![0xfe; length])];
            let mut client = RawClient::join(server());
            // At its second byte.
            client.send(&sent[0].bytes()[..2], usize::MAX).unwrap();
            assert_eq!(client.hear(), Some(failure(1002)), "{name}");
            if length == 126 {
                check(fails(&name, 1002, &sent));
            }
        }
    }
}

#[test]
fn a_pong_that_nobody_asked_for_is_ignored() {
    check([
        case("an empty pong", &[pong("")], &[], End::Open),
        case("a pong", &[pong("unsolicited")], &[], End::Open),
        case(
            "a pong, then a ping",
            &[pong("unsolicited"), ping("asked")],
            &[pong("asked")],
            End::Open,
        ),
    ]);
}

#[test]
fn every_one_of_many_pings_is_answered_in_order() {
    let pings: Vec<_> = (0..10).map(|at| ping(format!("payload-{at}"))).collect();
    let pongs: Vec<_> = (0..10).map(|at| pong(format!("payload-{at}"))).collect();
    check([case("ten pings", &pings, &pongs, End::Open)]);
}
