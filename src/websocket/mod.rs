//! RFC 6455 as a state machine without I/O: bytes go in, what they mean comes out.
//!
//! - [`Reader`]: a client's frames, taken apart where they lie in the buffer that was read, which is unmasked in
//!   place. Of a message that is whole in the buffer nothing is copied; of anything else, only what has arrived.
//! - [`frame`]: the server's frames.
//!
//! The reader checks everything that the protocol asks of a client, each thing at the first byte that breaks it,
//! and says what was broken ([`ReadError`]). It neither waits nor answers: pings, the closing handshake and the
//! rate of frames are the owner's.

pub(crate) mod frame;
mod header;
mod mask;
mod reader;
#[cfg(test)]
mod tests;
mod utf8;

use std::borrow::Cow;

use thiserror::Error;

use crate::identity::DisconnectReason;

pub(crate) use reader::Reader;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadRules {
    /// Longest content of a frame in bytes.
    pub max_frame: usize,
    /// Longest message in bytes, all its fragments together.
    pub max_message: usize,
    /// Whether RSV1 may mark a message as compressed (RFC 7692 §6): only where that was negotiated.
    pub compression: bool,
}

impl ReadRules {
    /// Without extensions.
    pub const fn new(max_frame: usize, max_message: usize) -> Self {
        Self {
            max_frame,
            max_message,
            compression: false,
        }
    }
}

/// What the client has said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    /// A message that is still compressed. Nothing is known of its text yet.
    Compressed {
        is_text: bool,
        content: Cow<'a, [u8]>,
    },
    /// To be answered with a pong of this content.
    Ping(Cow<'a, [u8]>),
    Pong,
    /// To be answered with a Close of this content. Nothing after it is read.
    Close(Cow<'a, [u8]>),
}

/// What a client has broken. What follows in its stream means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ReadError {
    /// A frame that must not be, or not here.
    #[error("the client broke the WebSocket protocol")]
    Protocol,
    /// Text, or the reason of a Close, that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// More than [`ReadRules`] allow.
    #[error("a frame or a message is too long")]
    TooLong,
}

impl From<ReadError> for DisconnectReason {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Protocol => Self::ProtocolError,
            ReadError::NotUtf8 => Self::InvalidText,
            ReadError::TooLong => Self::MessageTooBig,
        }
    }
}
