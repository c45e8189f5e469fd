//! The memory stream on which the WebSocket protocol library works: the session feeds it what the socket gave
//! and takes out what the library wants to write (pongs and closes), so that the socket has one reader and one
//! writer.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct MemoryStream {
    incoming: BytesMut,
    outgoing: Vec<u8>,
    ended: bool,
}

impl MemoryStream {
    /// Adds bytes that the socket gave.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
    }

    /// Notes that the socket gives nothing more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Drops all but the last of the frames that are to be written: control frames, each in one piece.
    pub fn keep_last_frame(&mut self) {
        let mut start = 0;
        while let Some(length) = self.outgoing.get(start + 1) {
            let end = start + 2 + usize::from(*length);
            if end >= self.outgoing.len() {
                break;
            }
            start = end;
        }
        self.outgoing.drain(..start);
    }

    /// What the library wants to write: whole frames.
    pub fn take_outgoing(&mut self) -> Option<Bytes> {
        (!self.outgoing.is_empty()).then(|| std::mem::take(&mut self.outgoing).into())
    }
}

impl Read for MemoryStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            if self.ended {
                return Ok(0);
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.incoming.len());
        self.incoming.copy_to_slice(&mut buffer[..count]);
        if self.incoming.is_empty() {
            // An idle connection keeps no buffer.
            self.incoming = BytesMut::new();
        }
        Ok(count)
    }
}

impl Write for MemoryStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
