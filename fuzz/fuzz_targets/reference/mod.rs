//! The WebSocket protocol (RFC 6455 §5), written down once more, for whole streams.

use bevy_bouncer::{Limits, Payload};

/// What a client's bytes mean.
#[derive(Debug)]
pub struct Stream {
    pub messages: Vec<Payload>,
    pub pings: Vec<Vec<u8>>,
    /// The content of its Close.
    pub close: Option<Vec<u8>>,
    pub fate: Fate,
    /// Whether it ends between two messages.
    pub is_idle: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It ends without a Close.
    Open,
    /// The client has sent Close.
    Closed,
    /// The client has broken a rule.
    Broken,
}

/// A frame of the server.
#[derive(Debug)]
pub enum Frame {
    Message(Payload),
    Pong(Vec<u8>),
    Close(Vec<u8>),
}

struct RawFrame<'a> {
    first: u8,
    mask: Option<&'a [u8]>,
    content: &'a [u8],
    length: usize,
}

enum Cut<'a> {
    Frame(RawFrame<'a>),
    Partial,
    TooLong,
}

fn cut(bytes: &[u8], max: usize) -> Cut<'_> {
    let number = |at: usize, size: usize| {
        let digits = bytes.get(at..at + size)?;
        Some(
            digits
                .iter()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte)),
        )
    };
    let [first, second, ..] = *bytes else {
        return Cut::Partial;
    };
    let (start, length) = match second & 0x7f {
        126 => (4, number(2, 2)),
        127 => (10, number(2, 8)),
        short => (2, Some(u64::from(short))),
    };
    let Some(length) = length else {
        return Cut::Partial;
    };
    let masked = second & 0x80 != 0;
    let content = start + if masked { 4 } else { 0 };
    if length > max as u64 {
        // Known once the header is whole.
        return if bytes.len() < content { Cut::Partial } else { Cut::TooLong };
    }
    let length = length as usize;
    match bytes.get(content..content + length) {
        None => Cut::Partial,
        Some(content_bytes) => Cut::Frame(RawFrame {
            first,
            mask: masked.then(|| &bytes[start..content]),
            content: content_bytes,
            length: content + length,
        }),
    }
}

/// Reads what a client sent.
pub fn client(mut bytes: &[u8], limits: &Limits) -> Stream {
    let mut stream = Stream {
        messages: Vec::new(),
        pings: Vec::new(),
        close: None,
        fate: Fate::Open,
        is_idle: true,
    };
    // The kind and the content of a message that has begun.
    let mut begun: Option<(bool, Vec<u8>)> = None;
    while stream.fate == Fate::Open {
        stream.is_idle = bytes.is_empty() && begun.is_none();
        match cut(bytes, limits.max_frame_bytes) {
            Cut::Partial => break,
            Cut::TooLong => stream.fate = Fate::Broken,
            Cut::Frame(frame) => {
                bytes = &bytes[frame.length..];
                if take(&mut stream, &mut begun, &frame, limits).is_none() {
                    stream.fate = Fate::Broken;
                }
            }
        }
    }
    stream
}

/// `None` when a rule is broken.
fn take(
    stream: &mut Stream,
    begun: &mut Option<(bool, Vec<u8>)>,
    frame: &RawFrame<'_>,
    limits: &Limits,
) -> Option<()> {
    let mask = frame.mask?.iter().cycle();
    let content: Vec<u8> = frame
        .content
        .iter()
        .zip(mask)
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let (last, opcode) = (frame.first & 0x80 != 0, frame.first & 0x0f);
    let shortest = match content.len() {
        0..126 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    if frame.first & 0x70 != 0 || frame.length != shortest + 4 + content.len() {
        return None;
    }
    let (is_text, so_far) = match (opcode, begun.take()) {
        (8.., _) if !last || content.len() > 125 => return None,
        (8, _) => {
            let reason = content.get(2..).unwrap_or_default();
            let code = content.first_chunk().map(|code| u16::from_be_bytes(*code));
            let may_be_sent = |code| matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999);
            let bad_code = content.len() == 1 || code.is_some_and(|code| !may_be_sent(code));
            if bad_code || std::str::from_utf8(reason).is_err() {
                return None;
            }
            stream.close = Some(content);
            stream.fate = Fate::Closed;
            return Some(());
        }
        (9 | 10, unfinished) => {
            *begun = unfinished;
            if opcode == 9 {
                stream.pings.push(content);
            }
            return Some(());
        }
        (0, Some(unfinished)) => unfinished,
        (1 | 2, None) => (opcode == 1, Vec::new()),
        _ => return None,
    };
    let content = [so_far, content].concat();
    if content.len() > limits.max_message_bytes {
        return None;
    }
    // Half a character may come at the end; anything else is wrong at once.
    let wrong = |error: std::str::Utf8Error| error.error_len().is_some();
    if is_text && std::str::from_utf8(&content).is_err_and(wrong) {
        return None;
    }
    if !last {
        *begun = Some((is_text, content));
        return Some(());
    }
    stream.messages.push(match is_text {
        true => Payload::from(String::from_utf8(content).ok()?),
        false => Payload::from(content),
    });
    Some(())
}

/// The frames that a server wrote, each with its place, and how many bytes of an unfinished one follow.
pub fn server(bytes: &[u8]) -> (Vec<(usize, Frame)>, usize) {
    let mut frames = Vec::new();
    let mut place = 0;
    loop {
        match cut(&bytes[place..], usize::MAX) {
            Cut::Partial => return (frames, bytes.len() - place),
            Cut::TooLong => unreachable!("there is no limit"),
            Cut::Frame(raw) => {
                assert!(raw.mask.is_none(), "a server does not mask");
                let content = raw.content.to_vec();
                let frame = match raw.first {
                    0x81 => Frame::Message(String::from_utf8(content).expect("text").into()),
                    0x82 => Frame::Message(content.into()),
                    0x88 => Frame::Close(content),
                    0x8a => Frame::Pong(content),
                    other => panic!("a frame that starts with {other:#x}"),
                };
                frames.push((place, frame));
                place += raw.length;
            }
        }
    }
}
