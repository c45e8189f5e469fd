//! Counts the frames in a byte stream before the protocol sees them, so that pings, fragments and empty
//! continuations cost as much as messages do (RFC 6455 §5.2).

/// Longest header of a frame: two bytes, eight of length, four of mask.
const HEADER_MAX: usize = 14;

#[derive(Debug, Default)]
pub(crate) struct FrameMeter {
    header: [u8; HEADER_MAX],
    header_length: usize,
    /// Bytes of the current frame's content that are still to come.
    content_left: u64,
    in_message: bool,
}

impl FrameMeter {
    /// Goes on with these bytes. Returns how many frames began.
    pub fn feed(&mut self, mut bytes: &[u8]) -> usize {
        let mut begun = 0;
        while !bytes.is_empty() {
            if self.content_left > 0 {
                let skipped = usize::try_from(self.content_left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.content_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            begun += usize::from(self.header_length == 0);
            self.header[self.header_length] = bytes[0];
            self.header_length += 1;
            bytes = &bytes[1..];
            if self.header_length == self.expected_header() {
                self.content_left = self.content_length();
                self.note_message();
                self.header_length = 0;
            }
        }
        begun
    }

    /// Whether a frame or a fragmented message has begun and not ended.
    pub fn is_unfinished(&self) -> bool {
        self.header_length > 0 || self.content_left > 0 || self.in_message
    }

    fn expected_header(&self) -> usize {
        if self.header_length < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + mask
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

    fn note_message(&mut self) {
        let is_control = self.header[0] & 0x08 != 0;
        if !is_control {
            self.in_message = self.header[0] & 0x80 == 0;
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
            let begun: usize = stream.chunks(step).map(|chunk| meter.feed(chunk)).sum();
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
}
