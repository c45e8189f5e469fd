//! The header of a client's frame (RFC 6455 §5.2), which may arrive byte by byte.

use super::ReadError;

/// Two bytes, eight of length, four of mask.
const LONGEST: usize = 14;
/// Longest content of a control frame (§5.5).
pub(super) const CONTROL_MAX: u8 = 125;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// What a whole header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub is_final: bool,
    /// RSV1.
    pub is_compressed: bool,
    pub opcode: u8,
    pub mask: [u8; 4],
    pub length: u64,
}

/// Where a frame comes in the stream, as far as its header has to fit in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Whether a message has begun whose last frame has not.
    pub within_message: bool,
    /// Whether RSV1 was negotiated.
    pub compression: bool,
}

/// What of a header has arrived.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; LONGEST],
    length: u8,
}

impl PartialHeader {
    /// Whether nothing of it has arrived.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes what belongs to the header from the start of the input. `None` when that was not all of it.
    pub fn read(
        &mut self,
        place: Place,
        input: &mut &mut [u8],
    ) -> Result<Option<Header>, ReadError> {
        let knew = self.length;
        if !self.fill(2, input) {
            return Ok(None);
        }
        if knew < 2 {
            self.check_start(place)?;
        }
        if !self.fill(self.whole(), input) {
            return Ok(None);
        }
        let header = self.parse();
        self.length = 0;
        header.check_length(self.bytes[1])?;
        Ok(Some(header))
    }

    fn fill(&mut self, end: usize, input: &mut &mut [u8]) -> bool {
        let start = usize::from(self.length);
        let count = end.saturating_sub(start).min(input.len());
        let (taken, rest) = std::mem::take(input).split_at_mut(count);
        self.bytes[start..start + count].copy_from_slice(taken);
        *input = rest;
        // At most LONGEST.
        self.length += count as u8;
        start + count >= end
    }

    /// The first two bytes: may such a frame come here (§5.2, §5.4, §5.5)?
    fn check_start(&self, place: Place) -> Result<(), ReadError> {
        let [first, second, ..] = self.bytes;
        let is_masked = second & 0x80 != 0;
        let may_come = match first & 0x0f {
            CONTINUATION => place.within_message,
            TEXT | BINARY => !place.within_message,
            CLOSE | PING | PONG => first & 0x80 != 0 && second & 0x7f <= CONTROL_MAX,
            _ => false,
        };
        // The first frame of a message says whether it is compressed (RFC 7692 §6.1).
        let may_be_compressed = place.compression && matches!(first & 0x0f, TEXT | BINARY);
        let reserved = if may_be_compressed { 0x30 } else { 0x70 };
        if first & reserved != 0 || !is_masked || !may_come {
            return Err(ReadError::Protocol);
        }
        Ok(())
    }

    /// Its length: every frame of a client is masked.
    fn whole(&self) -> usize {
        match self.bytes[1] & 0x7f {
            126 => 2 + 2 + 4,
            127 => 2 + 8 + 4,
            _ => 2 + 4,
        }
    }

    fn parse(&self) -> Header {
        let bytes = &self.bytes;
        let big_endian = |digits: &[u8]| {
            digits
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte))
        };
        let length = match bytes[1] & 0x7f {
            126 => big_endian(&bytes[2..4]),
            127 => big_endian(&bytes[2..10]),
            short => u64::from(short),
        };
        let at = self.whole() - 4;
        Header {
            is_final: bytes[0] & 0x80 != 0,
            is_compressed: bytes[0] & 0x40 != 0,
            opcode: bytes[0] & 0x0f,
            mask: [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]],
            length,
        }
    }
}

impl Header {
    /// Whether the frame belongs to a message.
    pub fn is_data(&self) -> bool {
        self.opcode < CLOSE
    }

    /// The length has to be in the shortest of its forms, of which `form` is the byte that chose it (§5.2), and a
    /// Close has no content or a whole code (§5.5.1).
    fn check_length(&self, form: u8) -> Result<(), ReadError> {
        let is_shortest = match form & 0x7f {
            126 => self.length > u64::from(CONTROL_MAX),
            127 => self.length > 0xffff && self.length >> 63 == 0,
            _ => true,
        };
        if !is_shortest || (self.opcode == CLOSE && self.length == 1) {
            return Err(ReadError::Protocol);
        }
        Ok(())
    }
}
