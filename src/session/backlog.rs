//! What still has to be written to one socket, in order, with the place in a half-written frame.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;

/// Most slices in one vectored write.
const SLICES: usize = 64;
/// Most bytes in one write: a fence waits for a write that has begun, so none may take long.
const WRITE_BYTES: usize = 64 * 1024;

/// Finished frames that wait for the socket.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    frames: VecDeque<Bytes>,
    /// Bytes of the first frame that are written already.
    written: usize,
    bytes: usize,
}

impl Backlog {
    /// Appends a frame.
    pub fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Puts a control frame before everything that has not begun (RFC 6455 §5.5: between messages).
    pub fn push_urgent(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        let place = usize::from(self.written > 0);
        self.frames.insert(place, frame);
    }

    /// Drops everything but a half-written frame.
    pub fn discard(&mut self) {
        self.frames.truncate(usize::from(self.written > 0));
        self.bytes = self
            .frames
            .front()
            .map_or(0, |frame| frame.len() - self.written);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that wait.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls `write` with what comes next.
    pub fn with_slices<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut room = WRITE_BYTES;
        let mut skip = self.written;
        for frame in self.frames.iter().take(SLICES) {
            let rest = &frame[skip..];
            skip = 0;
            let part = &rest[..rest.len().min(room)];
            slices[used] = IoSlice::new(part);
            used += 1;
            room -= part.len();
            if room == 0 {
                break;
            }
        }
        write(&slices[..used])
    }

    /// Notes that so many bytes went out.
    pub fn advance(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = self.frames.front() {
            let rest = first.len() - self.written;
            if count < rest {
                self.written += count;
                return;
            }
            count -= rest;
            self.written = 0;
            self.frames.pop_front();
        }
        if self.frames.capacity() > SLICES {
            self.frames.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(backlog: &mut Backlog, step: usize, into: &mut Vec<u8>) {
        let count = backlog.with_slices(|slices| {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let count = all.len().min(step);
            into.extend_from_slice(&all[..count]);
            count
        });
        backlog.advance(count);
    }

    proptest! {
        #[test]
        fn any_short_writes_give_the_same_bytes(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..100),
            step in 1_usize..500,
        ) {
            let mut backlog = Backlog::default();
            for frame in &frames {
                backlog.push(Bytes::from(frame.clone()));
            }
            let mut written = Vec::new();
            while !backlog.is_empty() {
                drain(&mut backlog, step, &mut written);
            }
            prop_assert_eq!(written, frames.concat());
            prop_assert_eq!(backlog.bytes(), 0);
        }
    }

    #[test]
    fn discarding_keeps_a_half_written_frame_whole() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"first"));
        backlog.push(Bytes::from_static(b"second"));
        let mut written = Vec::new();
        drain(&mut backlog, 2, &mut written);
        backlog.discard();
        backlog.push(Bytes::from_static(b"close"));
        backlog.push_urgent(Bytes::from_static(b"pong"));
        while !backlog.is_empty() {
            drain(&mut backlog, 100, &mut written);
        }
        assert_eq!(written, b"firstpongclose");
        assert_eq!((backlog.len(), backlog.bytes()), (0, 0));
    }
}
