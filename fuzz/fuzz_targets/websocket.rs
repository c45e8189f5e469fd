//! A client's stream in pieces, against a second, independent reading of it as a whole.
//!
//! Input: a byte that says how long the pieces are, and the stream. A frame with the mask of zeros is as it is.

#![no_main]

mod reference;

use std::sync::LazyLock;

use bevy_bouncer::{Limits, fuzzing::websocket::read};
use libfuzzer_sys::fuzz_target;
use reference::Fate;

/// Small, so that short inputs reach them.
static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
    let mut limits = Limits::default();
    limits.max_message_bytes = 300;
    limits.max_frame_bytes = 200;
    limits
});

fuzz_target!(|input: &[u8]| {
    let [piece, stream @ ..] = input else { return };
    let whole = read(&LIMITS, [stream]);
    let pieces = read(&LIMITS, stream.chunks(usize::from(*piece).max(1)));
    assert_eq!(whole, pieces, "what it means depends on how it comes");

    let reference = reference::client(stream, &LIMITS);
    assert_eq!(whole.messages, reference.messages);
    assert_eq!(whole.pings, reference.pings);
    assert_eq!(whole.close, reference.close);
    match reference.fate {
        Fate::Broken => assert!(whole.is_broken),
        Fate::Closed => assert!(!whole.is_broken),
        // What is not whole may be wrong already.
        Fate::Open if whole.is_broken => assert!(!reference.is_idle),
        Fate::Open => assert_eq!(whole.is_unfinished, !reference.is_idle),
    }
});
