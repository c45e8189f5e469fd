//! Cuts a byte stream into frames before the protocol sees it (RFC 6455 §5.2): to count them, so that
//! pings, fragments and empty continuations cost as much as messages do, and to hold them against the
//! [`rules`](super::rules).

use super::rules::Rules;
use crate::identity::DisconnectReason;

/// Longest header of a frame: two bytes, eight of length, four of mask.
const HEADER_MAX: usize = 14;

#[derive(Debug, Default)]
pub(crate) struct FrameMeter {
    header: [u8; HEADER_MAX],
    header_length: usize,
    /// Bytes of the current frame's content that are still to come.
    content_left: u64,
    rules: Rules,
}

/// What some bytes were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metered {
    /// How many frames began.
    pub frames: usize,
    /// How many of the bytes may be passed on: all, or those before the frame went wrong. No frame is
    /// complete in them that is not right.
    pub sound: usize,
    /// Why the rest means nothing.
    pub broken: Option<DisconnectReason>,
}

impl FrameMeter {
    /// Goes on with these bytes. After something broken there must not be any.
    pub fn feed(&mut self, bytes: &[u8]) -> Metered {
        let mut metered = Metered {
            frames: 0,
            sound: 0,
            broken: None,
        };
        while metered.sound < bytes.len() && !self.rules.closed() {
            let rest = &bytes[metered.sound..];
            let outcome = if self.content_left > 0 {
                self.content(rest)
            } else {
                metered.frames += usize::from(self.header_length == 0);
                self.header_byte(rest[0])
            };
            match outcome {
                Ok(count) => metered.sound += count,
                Err(reason) => {
                    metered.broken = Some(reason);
                    return metered;
                }
            }
        }
        metered.sound = bytes.len();
        metered
    }

    /// Whether a frame or a fragmented message has begun and not ended.
    pub fn is_unfinished(&self) -> bool {
        self.header_length > 0 || self.content_left > 0 || self.rules.in_message()
    }

    fn content(&mut self, bytes: &[u8]) -> Result<usize, DisconnectReason> {
        let count = usize::try_from(self.content_left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.rules.content(&bytes[..count])?;
        self.content_left -= count as u64;
        if self.content_left == 0 {
            self.rules.end()?;
        }
        Ok(count)
    }

    fn header_byte(&mut self, byte: u8) -> Result<usize, DisconnectReason> {
        self.header[self.header_length] = byte;
        self.header_length += 1;
        if self.header_length == 2 {
            self.rules.begin(self.header[0], byte)?;
        }
        if self.header_length == self.expected_header() {
            let mask = self.header_length - 4..self.header_length;
            let length = self.content_length();
            let mut key = [0; 4];
            key.copy_from_slice(&self.header[mask]);
            self.rules.header(self.header[1], length, key)?;
            self.content_left = length;
            self.header_length = 0;
            if length == 0 {
                self.rules.end()?;
            }
        }
        Ok(1)
    }

    /// Every frame of a client is masked, or it was refused at its second byte.
    fn expected_header(&self) -> usize {
        match self.header[1] & 0x7f {
            _ if self.header_length < 2 => 2,
            126 => 2 + 2 + 4,
            127 => 2 + 8 + 4,
            _ => 2 + 4,
        }
    }

    fn content_length(&self) -> u64 {
        let big_endian = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte))
        };
        match self.header[1] & 0x7f {
            126 => big_endian(&self.header[2..4]),
            127 => big_endian(&self.header[2..10]),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..=125 => frame.push(0x80 | length as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(vec![0; length]);
        frame
    }

    #[test]
    fn any_split_gives_the_same_count() {
        let stream = [
            frame(0x81, 5),
            frame(0x01, 200),
            frame(0x89, 0),
            frame(0x00, 0),
            frame(0x80, 70_000),
        ]
        .concat();
        for step in [1, 2, 3, 7, 13, 1000, stream.len()] {
            let mut meter = FrameMeter::default();
            let begun: usize = stream
                .chunks(step)
                .map(|chunk| meter.feed(chunk).frames)
                .sum();
            assert_eq!(begun, 5, "in steps of {step}");
            assert!(!meter.is_unfinished());
        }
    }

    #[test]
    fn a_fragmented_message_is_unfinished_until_its_last_frame() {
        let mut meter = FrameMeter::default();
        meter.feed(&frame(0x01, 3));
        assert!(meter.is_unfinished());
        meter.feed(&frame(0x89, 0));
        assert!(
            meter.is_unfinished(),
            "a ping between fragments ends nothing"
        );
        meter.feed(&frame(0x80, 0));
        assert!(!meter.is_unfinished());
        meter.feed(&[0x81]);
        assert!(meter.is_unfinished(), "half a header");
    }

    /// A broken frame is found at the same byte in any split, and before its frame is complete.
    #[test]
    fn a_broken_frame_is_not_passed_on() {
        use DisconnectReason::{InvalidText, ProtocolError};
        let good = frame(0x81, 5);
        let zeros = |first: u8, second: u8| [&[first, second][..], &MASK].concat();
        let masked = |first: u8, content: &[u8]| {
            let mut bytes = vec![first, 0x80 | content.len() as u8];
            bytes.extend(MASK);
            let masked = content.iter().zip(MASK.iter().cycle());
            bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
            bytes
        };
        for (name, bad, sound, reason) in [
            ("a reserved bit", zeros(0xc1, 0x80), 1, ProtocolError),
            ("no mask", vec![0x81, 0x00], 1, ProtocolError),
            ("a reserved opcode", zeros(0x8b, 0x80), 1, ProtocolError),
            ("a long ping", frame(0x89, 126), 1, ProtocolError),
            ("half a close code", masked(0x88, b"x"), 5, ProtocolError),
            ("code 1005", masked(0x88, &[3, 0xed]), 6, ProtocolError),
            ("not text", masked(0x81, b"ab\xffc"), 6, InvalidText),
            ("half a character", masked(0x81, b"\xc3"), 6, InvalidText),
            ("in a reason", masked(0x88, b"\x03\xe8\xff"), 6, InvalidText),
        ] {
            let stream = [good.clone(), bad].concat();
            for step in [1, stream.len()] {
                let mut meter = FrameMeter::default();
                let mut passed = 0;
                let found = stream.chunks(step).find_map(|chunk| {
                    let metered = meter.feed(chunk);
                    passed += metered.sound;
                    metered.broken
                });
                assert_eq!(found, Some(reason), "{name} in steps of {step}");
                assert!(passed >= good.len() + sound, "{name}: {passed}");
                assert!(passed < stream.len(), "{name}: {passed}");
            }
        }
    }

    #[test]
    fn nothing_after_a_close_is_looked_at() {
        let mut meter = FrameMeter::default();
        let stream = [frame(0x88, 0), vec![0xff; 100]].concat();
        let metered = meter.feed(&stream);
        assert_eq!((metered.sound, metered.broken), (stream.len(), None));
        assert_eq!(meter.feed(&[0xff]).broken, None);
    }
}
