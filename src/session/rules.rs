//! What RFC 6455 asks of a client's frames, checked at the first byte that breaks it.
//!
//! The protocol library sees a frame when all of it is there, takes lengths that are written too long,
//! and answers a forbidden close code as if it were an ordinary end. Here a frame is wrong as soon as
//! its header or the content so far is.

use super::utf8::Utf8;
use crate::identity::DisconnectReason;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// Longest content of a control frame (§5.5).
const CONTROL_MAX: u8 = 125;

type Checked = Result<(), DisconnectReason>;

/// The rules, and what they need to know of the stream so far.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The opcode with which the unfinished message began.
    message: Option<u8>,
    opcode: u8,
    is_final: bool,
    mask: [u8; 4],
    /// Bytes of the current frame's content so far.
    position: usize,
    close_code: u16,
    text: Utf8,
    closed: bool,
}

impl Rules {
    /// Whether a message has begun whose last frame has not.
    pub fn in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether Close has come: nothing after it means anything (§5.5.1).
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// The first two bytes of a frame (§5.2, §5.4, §5.5).
    pub fn begin(&mut self, first: u8, second: u8) -> Checked {
        self.is_final = first & 0x80 != 0;
        self.opcode = first & 0x0f;
        self.position = 0;
        let has_reserved_bits = first & 0x70 != 0;
        let is_masked = second & 0x80 != 0;
        let may_come = match self.opcode {
            CONTINUATION => self.message.is_some(),
            TEXT | BINARY => self.message.is_none(),
            CLOSE | PING | PONG => self.is_final && second & 0x7f <= CONTROL_MAX,
            _ => false,
        };
        if has_reserved_bits || !is_masked || !may_come {
            return Err(DisconnectReason::ProtocolError);
        }
        match self.opcode {
            TEXT | BINARY => {
                self.message = Some(self.opcode);
                self.text = Utf8::default();
            }
            CLOSE => self.text = Utf8::default(),
            _ => {}
        }
        Ok(())
    }

    /// The rest of the header. The length has to be in the shortest of its forms, of which `form` is
    /// the byte that chose it (§5.2), and a Close has no content or a whole code (§5.5.1).
    pub fn header(&mut self, form: u8, length: u64, mask: [u8; 4]) -> Checked {
        self.mask = mask;
        let shortest = match form & 0x7f {
            126 => length > u64::from(CONTROL_MAX),
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !shortest || (self.opcode == CLOSE && length == 1) {
            return Err(DisconnectReason::ProtocolError);
        }
        Ok(())
    }

    /// The next bytes of the content.
    pub fn content(&mut self, masked: &[u8]) -> Checked {
        let is_text = self.opcode < CLOSE && self.message == Some(TEXT);
        if is_text || self.opcode == CLOSE {
            for (offset, byte) in masked.iter().enumerate() {
                let at = self.position + offset;
                let byte = byte ^ self.mask[at % self.mask.len()];
                if self.opcode == CLOSE && at < 2 {
                    self.close_code = self.close_code << 8 | u16::from(byte);
                    if at == 1 && !may_be_sent(self.close_code) {
                        return Err(DisconnectReason::ProtocolError);
                    }
                } else if !self.text.push(byte) {
                    return Err(DisconnectReason::InvalidText);
                }
            }
        }
        self.position += masked.len();
        Ok(())
    }

    /// The frame is complete.
    pub fn end(&mut self) -> Checked {
        let ends_message = self.opcode < CLOSE && self.is_final;
        let ends_text = ends_message && self.message == Some(TEXT);
        if (ends_text || self.opcode == CLOSE) && !self.text.is_complete() {
            return Err(DisconnectReason::InvalidText);
        }
        if ends_message {
            self.message = None;
        }
        self.closed = self.opcode == CLOSE;
        Ok(())
    }
}

/// Whether a Close may carry this code: those of §7.4.1 but for the three that are never sent, 1012 and
/// 1013 which were registered since, and the ranges of libraries and applications (§7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}
