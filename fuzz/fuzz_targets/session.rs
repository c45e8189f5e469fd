//! A whole session over a socket in memory. A second, independent reading of the client's bytes tells
//! what the game must get, and the server's bytes are taken apart again.
//!
//! Input: a byte of flags, and steps of a byte that chooses, a length, and so many bytes.

#![no_main]

mod reference;

use std::sync::LazyLock;

use bevy_bouncer::{
    DisconnectReason, Limits, Payload,
    fuzzing::session::{Outcome, Step, run},
};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use reference::{Fate, Frame, Stream};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a session may need beside a few copies of the input.
const SESSION_BYTES: usize = 64 * 1024;
const COPIES: usize = 16;

/// Small, so that short inputs reach them. The rates are out of reach: time is not fuzzed.
static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
    let mut limits = Limits::default();
    limits.connections = 2;
    limits.pending_handshakes = 2;
    limits.max_message_bytes = 300;
    limits.max_frame_bytes = 200;
    limits.inbound_queue_messages = 4;
    limits.inbound_queue_bytes = 1024;
    limits.inbound_frames_per_second = 1_000_000;
    limits.inbound_frames_burst = 1_000_000;
    limits.inbound_bytes_per_second = 1024 * 1024 * 1024;
    limits.outgoing_queue_messages = 8;
    limits.outgoing_queue_bytes = 1024;
    limits
});

fuzz_target!(|input: &[u8]| {
    let [flags, script @ ..] = input else { return };
    let (direct, silent) = (flags & 1 != 0, flags & 2 != 0);
    let steps = read_script(script);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let outcome = run(&LIMITS, direct, silent, steps.iter().cloned());
    let used = MEMORY.peak_usage().saturating_sub(before);
    assert!(used < SESSION_BYTES + COPIES * input.len(), "{used} bytes");
    check(&steps, &outcome);
});

fn read_script(mut script: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let [choice, length, rest @ ..] = script {
        let (content, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        script = rest;
        match choice % 16 {
            0..=3 => steps.push(Step::Arrive(content.to_vec())),
            4..=7 => steps.push(Step::Arrive(masked(content))),
            8 => {
                let frame = masked(content);
                let (start, end) = frame.split_at(content.len() / 2);
                steps.extend([start, end].map(|part| Step::Arrive(part.to_vec())));
            }
            9 => steps.push(Step::End),
            10 => steps.push(Step::Break),
            11 => steps.push(Step::Take(16 * usize::from(*length))),
            12 => steps.push(Step::Read),
            13 => {
                let payloads = content.split(|byte| *byte == 0);
                let payload = |part: &[u8]| match String::from_utf8(part.to_vec()) {
                    Ok(text) => Payload::from(text),
                    Err(error) => Payload::from(error.into_bytes()),
                };
                steps.push(Step::Send(payloads.map(payload).collect()));
            }
            14 => steps.push(Step::Kick),
            _ => steps.push(Step::Revoke),
        }
    }
    steps
}

/// A frame as a client makes it: the first byte is that of the frame, the others its content.
fn masked(content: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let [first, content @ ..] = content else {
        return Vec::new();
    };
    let mut frame = vec![*first];
    match content.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(
        content
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

fn check(steps: &[Step], outcome: &Outcome) {
    let has = |wanted: fn(&Step) -> bool| steps.iter().any(wanted);
    let broke = has(|step| matches!(step, Step::Break));
    let stream = arrived(steps);
    let client = reference::client(&stream, &LIMITS);

    let &[reason] = &outcome.departures[..] else {
        panic!("left {:?}", outcome.departures);
    };
    assert_eq!(outcome.late, 0, "messages after the end");
    assert_eq!(outcome.occupied, 0, "a place stays taken");
    assert!(!outcome.written_after_shutdown);

    assert!(
        client.messages.starts_with(&outcome.delivered),
        "not what the client said"
    );
    assert!(
        outcome
            .delivered
            .iter()
            .all(|message| message.len() <= LIMITS.max_message_bytes)
    );
    use DisconnectReason::*;
    let whole = match reason {
        ClientClosed => client.fate == Fate::Closed,
        ProtocolError | InvalidText | MessageTooBig => {
            client.fate != Fate::Closed && !client.is_idle
        }
        ConnectionLost => broke || client.fate == Fate::Open,
        Kicked => has(|step| matches!(step, Step::Kick)),
        Revoked => has(|step| matches!(step, Step::Revoke)),
        SlowConsumer => has(|step| matches!(step, Step::Send(_))) || !client.pings.is_empty(),
        Overloaded => has(|step| matches!(step, Step::Send(_))),
        other => panic!("{other:?} has no cause"),
    };
    assert!(whole, "{reason:?} without its cause: {client:?}");
    let by_client = matches!(
        reason,
        ClientClosed | ProtocolError | InvalidText | MessageTooBig | ConnectionLost
    );
    if by_client && !broke {
        assert_eq!(outcome.delivered, client.messages, "something was lost");
    }
    check_written(steps, outcome, reason, &client);
}

/// All that reached the socket before its end.
fn arrived(steps: &[Step]) -> Vec<u8> {
    let ends = |step: &&Step| !matches!(step, Step::End | Step::Break);
    let arrived = steps.iter().take_while(ends).filter_map(|step| match step {
        Step::Arrive(bytes) => Some(&bytes[..]),
        _ => None,
    });
    arrived.collect::<Vec<_>>().concat()
}

fn check_written(steps: &[Step], outcome: &Outcome, reason: DisconnectReason, client: &Stream) {
    let sent: Vec<&Payload> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Send(payloads) => Some(payloads),
            _ => None,
        })
        .flatten()
        .collect();
    let in_order = !outcome.reset && reason != DisconnectReason::ConnectionLost;
    let (frames, rest) = reference::server(&outcome.written);
    assert!(!in_order || rest == 0, "half a frame in the end");
    let mut next_sent = sent.iter();
    let mut pings = client.pings.iter();
    let mut close = None;
    for (place, frame) in frames {
        assert!(close.is_none(), "a frame after Close");
        let revoked = outcome.written_at_revocation.is_some_and(|at| place >= at);
        assert!(
            !revoked || matches!(frame, Frame::Close(_)),
            "a frame after the fence"
        );
        match frame {
            Frame::Message(payload) => assert_eq!(next_sent.next(), Some(&&payload)),
            Frame::Pong(content) => {
                let answered = pings.any(|ping| *ping == content);
                assert!(answered, "a pong too many: {} bytes, {:?}", content.len(), client.fate);
            }
            Frame::Close(content) => close = Some(content),
        }
    }
    if in_order {
        assert!(close.is_some(), "no Close");
    }
    if let Some(content) = close {
        check_close(&content, outcome, reason, client);
    }
}

fn check_close(content: &[u8], outcome: &Outcome, reason: DisconnectReason, client: &Stream) {
    if reason == DisconnectReason::ClientClosed {
        let echo = Some(content) == client.close.as_deref();
        assert!(
            echo || content.starts_with(&1002_u16.to_be_bytes()),
            "{content:?}"
        );
        return;
    }
    let (code, text) = content.split_first_chunk().expect("a code");
    let code = u16::from_be_bytes(*code);
    std::str::from_utf8(text).expect("a text");
    assert!(content.len() <= 125);
    let mut reasons = vec![reason];
    if outcome.written_at_revocation.is_some() {
        reasons.push(DisconnectReason::Revoked);
    }
    // A fault may be found while a polite end is under way.
    if reason == DisconnectReason::Kicked {
        reasons.extend([DisconnectReason::SlowConsumer, DisconnectReason::Overloaded]);
    }
    assert!(
        reasons.iter().any(|reason| reason.close_code() == code),
        "closed with {code} for {reason:?}"
    );
}
