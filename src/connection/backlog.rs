//! What still has to be written to one socket, in order, with the place in what is half written.

use std::{collections::VecDeque, io::IoSlice, sync::Arc};

use bytes::{Bytes, BytesMut};

/// Most slices in one vectored write.
const SLICES: usize = 64;
/// Most bytes in one write: a fence waits for a write that has begun, so none may take long.
pub(crate) const WRITE_BYTES: usize = 64 * 1024;

/// One or more finished frames in one piece of memory, which many connections share.
#[derive(Debug, Clone)]
pub(crate) struct FrameBatch {
    bytes: Bytes,
    /// Where each frame ends; nothing for a single frame.
    ends: Option<Arc<[usize]>>,
}

impl From<Bytes> for FrameBatch {
    fn from(frame: Bytes) -> Self {
        Self {
            bytes: frame,
            ends: None,
        }
    }
}

impl FrameBatch {
    /// Copies small neighbours together, so that each connection writes them as one piece. A batch is at
    /// most as long as one write, unless a single frame is longer.
    pub fn join(batches: Vec<Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::new();
        let mut rest = batches.into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut length = first.bytes.len();
            let mut group = vec![first];
            while let Some(next) = rest.next_if(|next| length + next.bytes.len() <= WRITE_BYTES) {
                length += next.bytes.len();
                group.push(next);
            }
            match group.pop() {
                Some(only) if group.is_empty() => joined.push(only),
                Some(last) => {
                    group.push(last);
                    joined.push(Self::concatenate(&group, length));
                }
                None => {}
            }
        }
        joined
    }

    fn concatenate(batches: &[Self], length: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(length);
        let mut ends = Vec::new();
        for batch in batches {
            let start = bytes.len();
            bytes.extend_from_slice(&batch.bytes);
            match &batch.ends {
                Some(inner) => ends.extend(inner.iter().map(|end| start + end)),
                None => ends.push(bytes.len()),
            }
        }
        Self {
            bytes: bytes.freeze(),
            ends: Some(ends.into()),
        }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// As much as one write may take.
    pub fn first_write(&self) -> &[u8] {
        &self.bytes[..self.len().min(WRITE_BYTES)]
    }

    /// Whether this is a control frame, which never stands with others (RFC 6455 §5.5).
    fn is_control(&self) -> bool {
        self.bytes.first().is_some_and(|first| first & 0x08 != 0)
    }

    fn frames(&self) -> usize {
        self.ends.as_ref().map_or(1, |ends| ends.len())
    }

    /// Frames that end within so many bytes.
    fn finished_frames(&self, written: usize) -> usize {
        let ends = self.ends.as_deref().unwrap_or_default();
        ends.partition_point(|end| *end <= written)
    }

    /// Where the frame ends that `written` bytes reach into; 0 when they end with a frame.
    fn end_of_begun_frame(&self, written: usize) -> usize {
        let whole = [self.bytes.len()];
        let ends = self.ends.as_deref().unwrap_or(&whole);
        match ends.binary_search(&written) {
            Err(index) if written > 0 => ends.get(index).copied().unwrap_or(self.bytes.len()),
            _ => 0,
        }
    }
}

/// Batches that wait for the socket.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    batches: VecDeque<FrameBatch>,
    /// Bytes of the first batch that are written already.
    written: usize,
    bytes: usize,
    frames: usize,
}

impl Backlog {
    /// Appends a batch.
    pub fn push(&mut self, batch: FrameBatch) {
        self.count(&batch);
        self.batches.push_back(batch);
    }

    /// Puts a control frame before everything that has not begun (RFC 6455 §5.5: between frames), but after
    /// the control frames that were put there before.
    pub fn push_urgent(&mut self, frame: Bytes) {
        let batch = FrameBatch::from(frame);
        self.count(&batch);
        let begun = usize::from(self.written > 0);
        let urgent = self
            .batches
            .iter()
            .skip(begun)
            .take_while(|batch| batch.is_control());
        let place = begun + urgent.count();
        self.batches.insert(place, batch);
    }

    fn count(&mut self, batch: &FrameBatch) {
        self.bytes += batch.bytes.len();
        self.frames += batch.frames();
    }

    /// Drops everything but the rest of a half-written frame.
    pub fn discard(&mut self) {
        let written = std::mem::take(&mut self.written);
        let begun = self.batches.pop_front().filter(|_| written > 0);
        *self = Self::default();
        if let Some(batch) = begun {
            let end = batch.end_of_begun_frame(written);
            if end > written {
                let whole = FrameBatch::from(batch.bytes.slice(..end));
                self.push(whole);
                self.written = written;
                self.bytes -= written;
            }
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Frames that are not written to their end.
    pub fn frames(&self) -> usize {
        let first = self.batches.front();
        self.frames - first.map_or(0, |batch| batch.finished_frames(self.written))
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls `write` with what comes next, at most [`WRITE_BYTES`].
    pub fn with_slices<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut room = WRITE_BYTES;
        let mut skip = self.written;
        for batch in self.batches.iter().take(SLICES) {
            let rest = &batch.bytes[skip..];
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
        while let Some(first) = self.batches.front() {
            let rest = first.bytes.len() - self.written;
            if count < rest {
                self.written += count;
                return;
            }
            count -= rest;
            self.written = 0;
            self.frames -= first.frames();
            self.batches.pop_front();
        }
        if self.batches.capacity() > SLICES {
            self.batches.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_frames_overtake_messages_and_not_each_other() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"\x81begun").into());
        backlog.advance(1);
        backlog.push(Bytes::from_static(b"\x81later").into());
        for pong in [&b"\x8a1"[..], b"\x8a2", b"\x8a3"] {
            backlog.push_urgent(Bytes::from_static(pong));
        }
        let written: Vec<u8> =
            backlog.with_slices(|slices| slices.iter().flat_map(|slice| slice.to_vec()).collect());
        assert_eq!(written, b"begun\x8a1\x8a2\x8a3\x81later");
    }

    fn drain(backlog: &mut Backlog, step: usize, into: &mut Vec<u8>) {
        let count = backlog.with_slices(|slices| {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let count = all.len().min(step);
            into.extend_from_slice(&all[..count]);
            count
        });
        backlog.advance(count);
    }

    fn batch(frames: &[Vec<u8>]) -> Vec<FrameBatch> {
        FrameBatch::join(
            frames
                .iter()
                .map(|frame| FrameBatch::from(Bytes::from(frame.clone())))
                .collect(),
        )
    }

    proptest! {
        #[test]
        fn any_short_writes_give_the_same_bytes(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..100),
            step in 1_usize..500,
            joined in any::<bool>(),
        ) {
            let mut backlog = Backlog::default();
            if joined {
                batch(&frames).into_iter().for_each(|batch| backlog.push(batch));
            } else {
                frames.iter().for_each(|frame| backlog.push(Bytes::from(frame.clone()).into()));
            }
            prop_assert_eq!(backlog.frames(), frames.len());
            let mut written = Vec::new();
            while !backlog.is_empty() {
                drain(&mut backlog, step, &mut written);
            }
            prop_assert_eq!(written, frames.concat());
            prop_assert_eq!((backlog.bytes(), backlog.frames()), (0, 0));
        }

        #[test]
        fn discarding_leaves_whole_frames_wherever_it_comes(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..20),
            before in 0_usize..1000,
        ) {
            let mut backlog = Backlog::default();
            batch(&frames).into_iter().for_each(|batch| backlog.push(batch));
            let mut written = Vec::new();
            drain(&mut backlog, before.min(frames.concat().len()), &mut written);
            backlog.discard();
            while !backlog.is_empty() {
                drain(&mut backlog, 7, &mut written);
            }
            let mut ends = vec![0];
            for frame in &frames {
                ends.push(ends[ends.len() - 1] + frame.len());
            }
            prop_assert!(ends.contains(&written.len()), "{} of {ends:?}", written.len());
            prop_assert_eq!(&written[..], &frames.concat()[..written.len()]);
            prop_assert!(written.len() < before + 50);
            prop_assert_eq!((backlog.bytes(), backlog.frames()), (0, 0));
        }
    }

    #[test]
    fn a_control_frame_goes_between_frames() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"first").into());
        backlog.push(Bytes::from_static(b"second").into());
        let mut written = Vec::new();
        drain(&mut backlog, 2, &mut written);
        backlog.push_urgent(Bytes::from_static(b"pong"));
        while !backlog.is_empty() {
            drain(&mut backlog, 100, &mut written);
        }
        assert_eq!(written, b"firstpongsecond");
    }

    #[test]
    fn frames_that_are_written_do_not_count() {
        let mut backlog = Backlog::default();
        let frames = vec![vec![0; 100]; 300];
        batch(&frames)
            .into_iter()
            .for_each(|batch| backlog.push(batch));
        drain(&mut backlog, 29_950, &mut Vec::new());
        assert_eq!((backlog.bytes(), backlog.frames()), (50, 1));
    }

    #[test]
    fn small_frames_are_joined_and_long_ones_are_not_copied() {
        let long = Bytes::from(vec![1; WRITE_BYTES]);
        let small = || FrameBatch::from(Bytes::from_static(b"small"));
        let batches = FrameBatch::join(vec![small(), small(), long.clone().into(), small()]);
        let lengths: Vec<_> = batches
            .iter()
            .map(|batch| (batch.bytes.len(), batch.frames()))
            .collect();
        assert_eq!(lengths, [(10, 2), (WRITE_BYTES, 1), (5, 1)]);
        assert_eq!(batches[1].bytes.as_ptr(), long.as_ptr());
    }
}
