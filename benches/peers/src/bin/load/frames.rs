//! Frames of a server, counted as they come (RFC 6455 §5.2; frames of a server are not masked).

use peers::{MESSAGE_BYTES, STAMP_BYTES};

/// How a text of socket.io begins that refuses the wish for a namespace.
const CONNECT_ERROR: &[u8] = b"44";

/// Where one connection is in its stream.
#[derive(Default)]
pub struct Frames {
    header: [u8; 10],
    held: usize,
    /// Bytes of the payload that are still to come.
    payload: u64,
}

/// What was in a piece of the stream.
#[derive(Default)]
pub struct Seen {
    /// Messages of the broadcast.
    pub messages: u64,
    /// Other text and binary messages: greetings of a protocol above WebSocket.
    pub others: u64,
    /// One of these was a refusal of socket.io.
    pub refused: bool,
    /// Messages of one byte: heartbeats of engine.io.
    pub heartbeats: u64,
    /// Pings of WebSocket.
    pub pings: u64,
    /// Closes.
    pub closes: u64,
    /// When the messages of the broadcast were sent, as far as they say so.
    pub stamps: Vec<u64>,
}

impl Frames {
    /// Reads on. With `greeted` false no message belongs to the broadcast.
    pub fn feed(&mut self, mut bytes: &[u8], greeted: bool) -> Seen {
        let mut seen = Seen::default();
        loop {
            let skip = self.payload.min(bytes.len() as u64);
            self.payload -= skip;
            bytes = &bytes[skip as usize..];
            let Some((first, rest)) = bytes.split_first() else {
                return seen;
            };
            self.header[self.held] = *first;
            self.held += 1;
            bytes = rest;
            if let Some(length) = self.length() {
                if seen.count(self.header[0] & 0x0f, length, greeted) {
                    seen.stamps.extend(stamp(bytes));
                }
                self.held = 0;
                self.payload = length;
                seen.refused |= !greeted && bytes.starts_with(CONNECT_ERROR);
            }
        }
    }

    /// The length of the payload, once the header is complete.
    fn length(&self) -> Option<u64> {
        let extended = |range: std::ops::Range<usize>| {
            let bytes = self.header[range].iter();
            bytes.fold(0, |length, byte| length << 8 | u64::from(*byte))
        };
        match (self.held, self.header[1]) {
            (2, short @ 0..=125) => Some(u64::from(short)),
            (4, 126) => Some(extended(2..4)),
            (10, 127) => Some(extended(2..10)),
            _ => None,
        }
    }
}

impl Seen {
    /// Whether it is a message of the broadcast.
    fn count(&mut self, opcode: u8, length: u64, greeted: bool) -> bool {
        let counter = match opcode {
            0..=2 if length == 1 => &mut self.heartbeats,
            0..=2 if greeted && length >= MESSAGE_BYTES as u64 => &mut self.messages,
            0..=2 => &mut self.others,
            8 => &mut self.closes,
            9 => &mut self.pings,
            _ => return false,
        };
        *counter += 1;
        greeted && opcode <= 2 && length >= MESSAGE_BYTES as u64
    }
}

/// The time at the start of a message. Not when it came in two pieces, which is rare, or when there is
/// none: then the number is small.
fn stamp(payload: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(payload.get(..STAMP_BYTES)?).ok()?;
    digits.parse().ok().filter(|stamp| *stamp > 1_000_000)
}
