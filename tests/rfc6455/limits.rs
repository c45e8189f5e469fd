//! Group 9: messages up to the configured limits come back whole however they are cut, and the first
//! byte above a limit fails the connection.

use std::{net::SocketAddr, sync::OnceLock, thread};

use crate::{case::*, wire::*};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const FRAME_MAX: usize = 4 * MIB;
const MESSAGE_MAX: usize = 8 * MIB;

fn large_server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        start(|limits| {
            limits.max_frame_bytes = FRAME_MAX;
            limits.max_message_bytes = MESSAGE_MAX;
            limits.bytes_per_tick = 2 * MESSAGE_MAX;
            limits.inbound_queue_bytes = 2 * MESSAGE_MAX;
            limits.outgoing_queue_bytes = 4 * MESSAGE_MAX;
            limits.outgoing_queue_messages = 4096;
        })
    })
}

/// Sends while it listens: both directions are full at times.
fn comes_back(client: &mut RawClient, sent: Vec<u8>, piece: usize, echoes: &[Frame]) {
    let mut sender = client.clone();
    let sending = thread::spawn(move || sender.send(&sent, piece).unwrap());
    for echo in echoes {
        // Without the megabytes in the message of a failure.
        let heard = client.hear();
        assert!(heard.as_ref() == Some(echo), "{heard:?}, not {echo:?}");
    }
    sending.join().unwrap();
}

#[test]
fn messages_of_all_sizes_come_back() {
    let mut client = RawClient::join(large_server());
    for size in [64 * KIB, 256 * KIB, MIB, FRAME_MAX] {
        for message in [text(vec![b'*'; size]), binary(vec![0xfe; size])] {
            comes_back(&mut client, message.bytes(), usize::MAX, &[message]);
        }
    }
}

#[test]
fn a_large_message_comes_back_from_fragments_of_all_sizes() {
    let mut client = RawClient::join(large_server());
    for fragment in [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB] {
        for opcode in [TEXT, BINARY] {
            let content = vec![b'*'; MIB];
            let parts: Vec<_> = content.chunks(fragment).collect();
            let sent = bytes(&fragments(opcode, &parts));
            let message = frame(FINAL | opcode, &content);
            comes_back(&mut client, sent, usize::MAX, &[message]);
        }
    }
    let content = vec![b'*'; MESSAGE_MAX];
    let parts: Vec<_> = content.chunks(FRAME_MAX).collect();
    let sent = bytes(&fragments(TEXT, &parts));
    comes_back(&mut client, sent, usize::MAX, &[text(&content)]);
}

#[test]
fn a_large_message_comes_back_from_pieces_of_all_sizes() {
    let mut client = RawClient::join(large_server());
    for piece in [64, 128, 256, 512, 1024, 2048] {
        for message in [text(vec![b'*'; 256 * KIB]), binary(vec![0xfe; 256 * KIB])] {
            comes_back(&mut client, message.bytes(), piece, &[message]);
        }
    }
}

#[test]
fn a_thousand_messages_come_back_in_order() {
    for size in [0, 16, 64, 256, 1024] {
        let mut client = RawClient::join(large_server());
        let message = |at: usize| text(&format!("{at:0size$}").as_bytes()[..size]);
        let messages: Vec<_> = (0..1000).map(|at| message(at % (size + 1))).collect();
        comes_back(&mut client, bytes(&messages), usize::MAX, &messages);
    }
}

/// The header says how long a frame is.
#[test]
fn a_frame_above_the_limit_fails_before_its_content() {
    for length in [FRAME_MAX as u64 + 1, 1 << 40, (1 << 63) - 1] {
        let mut client = RawClient::join(large_server());
        let form = [&[127][..], &length.to_be_bytes()].concat();
        let header = binary("").with_length(&form);
        client.send(&header, usize::MAX).unwrap();
        assert_eq!(rest(&mut client), [failure(1009)], "{length}");
    }
}

#[test]
fn a_message_above_the_limit_fails_and_none_of_it_is_echoed() {
    let mut client = RawClient::join(large_server());
    let parts = [vec![b'*'; FRAME_MAX], vec![b'*'; FRAME_MAX], vec![b'*']];
    let sent = bytes(&fragments(TEXT, &parts));
    let mut sender = client.clone();
    let sending = thread::spawn(move || sender.send(&sent, usize::MAX));
    assert_eq!(rest(&mut client), [failure(1009)]);
    let _ = sending.join().unwrap();
}
