//! Bytes to a request head, strictly.
//!
//! A lenient reader is how one request becomes two for a proxy in between, so everything that is not
//! exactly as RFC 9112 writes it is refused. `httparse` does the splitting; [`LineEnds`] has looked
//! at the raw bytes before, because `httparse` also takes bare line feeds and skips empty lines.

mod parse;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Poll, ready},
};

use thiserror::Error;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName};

use crate::identity::{Refusal, RefusalKind};

/// How long a head may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    /// Most bytes of a head, its empty line included.
    pub bytes: usize,
    /// Most header fields.
    pub fields: usize,
}

/// The methods that the door understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Options,
}

/// The head of a request. Its `Debug` shows neither the query nor the fields: both may have secrets
/// in them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub method: Method,
    /// As it was sent, not decoded and not normalised: it is only ever compared as a whole.
    pub path: String,
    /// What followed the `?`. Never log it.
    pub query: Option<String>,
    pub headers: HeaderMap,
}

impl Head {
    /// A field's value when it is there and visible ASCII.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Why there is no head.
#[derive(Debug, Error)]
pub(crate) enum HeadError {
    /// The client sent something that is answered with this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The client hung up before its head was complete: nobody is there to be answered.
    #[error("the client hung up")]
    Gone,
}

/// What is read at once, onto the stack: most heads, with a token. A client that says nothing costs no buffer.
const READ_BYTES: usize = 1024;

/// Reads one head and nothing else. It never holds more than `limits.bytes` and one byte, and
/// looks at each byte once, however small the pieces are. The caller sets the deadline.
pub(crate) async fn read_head<S>(stream: &mut S, limits: HeadLimits) -> Result<Head, HeadError>
where
    S: AsyncRead + Unpin,
{
    read_rest(stream, Vec::new(), limits).await
}

/// Reads as far as the client sends exactly `start`, and no further. `None` as soon as one byte is another.
pub(crate) async fn read_start<S>(
    stream: &mut S,
    start: &[u8],
) -> Result<Option<Vec<u8>>, HeadError>
where
    S: AsyncRead + Unpin,
{
    let mut buffer = Vec::new();
    while buffer.len() < start.len() {
        let missing = start.len() - buffer.len();
        match read_some(stream, &mut buffer, missing).await {
            Ok(0) | Err(_) => return Err(HeadError::Gone),
            Ok(_) if start.starts_with(&buffer) => {}
            Ok(_) => return Ok(None),
        }
    }
    Ok(Some(buffer))
}

/// Reads what is left of a head whose start, shorter than any head, has been read into `buffer`.
pub(crate) async fn read_rest<S>(
    stream: &mut S,
    mut buffer: Vec<u8>,
    limits: HeadLimits,
) -> Result<Head, HeadError>
where
    S: AsyncRead + Unpin,
{
    let mut line_ends = LineEnds::default();
    loop {
        let room = (limits.bytes + 1).saturating_sub(buffer.len());
        match read_some(stream, &mut buffer, room).await {
            Ok(0) | Err(_) => return Err(HeadError::Gone),
            Ok(_) => {}
        }
        if let Some(end) = line_ends.find_end(&buffer, limits.bytes)? {
            let head = parse::parse(&buffer[..end], limits.fields)?;
            if buffer.len() > end {
                return Err(Refusal::bad_request("there are bytes after the request head").into());
            }
            return Ok(head);
        }
    }
}

/// Appends what is there, at most so much. 0 at the end.
async fn read_some<S>(stream: &mut S, buffer: &mut Vec<u8>, room: usize) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|context| {
        let mut bytes = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut read = ReadBuf::uninit(&mut bytes[..room.min(READ_BYTES)]);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

/// Reads a head from bytes that are already there: the head and its length, or `None` when it is not
/// complete yet.
#[cfg(any(test, fuzzing))]
pub(crate) fn parse(buffer: &[u8], limits: HeadLimits) -> Result<Option<(Head, usize)>, Refusal> {
    let Some(end) = LineEnds::default().find_end(buffer, limits.bytes)? else {
        return Ok(None);
    };
    let head = parse::parse(&buffer[..end], limits.fields)?;
    Ok(Some((head, end)))
}

/// Looks for the empty line that ends a head. Lines end with CR LF; a CR or LF anywhere else, an
/// empty first line and control characters are refused as soon as they are seen.
///
/// `GET / HTTP/1.1␍␊Host: a␍␊␍␊` drives `matched` through 0 … 0 1 2 0 … 0 1 2 3 4: the head is complete.
#[derive(Debug, Default)]
struct LineEnds {
    /// Bytes that have been looked at.
    seen: usize,
    /// How many bytes of CR LF CR LF the bytes seen so far end with.
    matched: usize,
}

impl LineEnds {
    /// The length of the head, once it is complete. `buffer` is all that has been read so far.
    fn find_end(&mut self, buffer: &[u8], max_bytes: usize) -> Result<Option<usize>, Refusal> {
        let visible = &buffer[..buffer.len().min(max_bytes)];
        for &byte in &visible[self.seen..] {
            self.matched = match (byte, self.matched) {
                (b'\r', 0) if self.seen == 0 => {
                    return Err(Refusal::bad_request("the request line is empty"));
                }
                (b'\r', matched @ (0 | 2)) | (b'\n', matched @ (1 | 3)) => matched + 1,
                (b'\r' | b'\n', _) | (_, 1 | 3) => {
                    return Err(Refusal::bad_request("lines must end with CR LF"));
                }
                (b'\t', _) => 0,
                (0..=0x1f | 0x7f, _) => {
                    return Err(Refusal::bad_request("there are control characters"));
                }
                _ => 0,
            };
            self.seen += 1;
            if self.matched == 4 {
                return Ok(Some(self.seen));
            }
        }
        if buffer.len() > max_bytes {
            return Err(RefusalKind::HeadTooLarge.into());
        }
        Ok(None)
    }
}
