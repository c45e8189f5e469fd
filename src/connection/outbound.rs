//! The write side of one connection, shared by the fan-out and the task that owns the connection.
//!
//! The fan-out writes at once what the socket takes; only what is left wakes the task, which waits for
//! the socket. Both write under one lock and under the fence of the [`Handle`], so there is one order
//! and no frame after a fence.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::backlog::{Backlog, FrameBatch};
use super::handle::Handle;
use crate::{
    config::Limits,
    identity::{CloseReason, DisconnectReason},
    transport::{DirectWrite, Transport},
    util::{Mutex, lock},
};

/// How often the limits of the backlog, in bytes and in messages, fit in before the first attempt to write it:
/// before the 101, and before the task of a socket that only the task can write has its turn. Until then the
/// length says nothing about the client. Of small messages one write takes many.
/// Example: with limits of 1 MiB and 1024 messages, up to 8 MiB and 65 536 messages may wait for the first
/// attempt. After it the limits themselves count, and more than that is a slow consumer.
const SLACK_BEFORE_WRITING: (usize, usize) = (8, 64);

/// See the module's documentation.
pub(crate) struct Outbound {
    handle: Arc<Handle>,
    side: Mutex<WriteSide>,
    messages_limit: usize,
    bytes_limit: usize,
}

#[derive(Default)]
struct WriteSide {
    backlog: Backlog,
    stage: WriteStage,
    /// The socket, when it can be written from here.
    socket: Option<Arc<dyn DirectWrite>>,
    /// Close after the backlog.
    close_reason: Option<CloseReason>,
    /// The session has to end for this.
    fault: Option<DisconnectReason>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum WriteStage {
    /// Before the 101.
    #[default]
    Waiting,
    Open,
    /// Nothing of the game is taken any more.
    Shut,
}

/// How an attempt to write ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing is left.
    Everything,
    /// The socket takes no more now; whether it took anything.
    Blocked { progress: bool },
    /// Nothing may be written any more.
    Fenced,
    /// The client reads too slowly.
    TooSlow,
    /// The socket is of no use any more.
    Lost,
}

impl Outbound {
    pub fn new(handle: Arc<Handle>, limits: &Limits) -> Self {
        Self {
            handle,
            side: Mutex::default(),
            messages_limit: limits.outgoing_queue_messages,
            bytes_limit: limits.outgoing_queue_bytes,
        }
    }

    /// The 101 is out: from now on frames may follow.
    pub fn open(&self, socket: Option<Arc<dyn DirectWrite>>) {
        let mut side = lock(&self.side);
        side.stage = WriteStage::Open;
        side.socket = socket;
    }

    /// For the fan-out: writes these, or keeps what the socket does not take.
    pub fn deliver(&self, batches: &[FrameBatch]) {
        let mut side = lock(&self.side);
        if side.stage == WriteStage::Shut || side.close_reason.is_some() || side.fault.is_some() {
            return;
        }
        let mut taken = 0;
        // The usual case: a socket that can be written from here, one batch, and nothing before it.
        if let (Some(socket), [batch], true) = (&side.socket, batches, side.backlog.is_empty()) {
            taken = self.write_at_once(&**socket, batch);
            if taken == batch.len() {
                return;
            }
        }
        batches
            .iter()
            .for_each(|batch| side.backlog.push(batch.clone()));
        side.backlog.advance(taken);
        let WriteSide {
            backlog,
            stage,
            socket,
            fault,
            ..
        } = &mut *side;
        // Is there something for the connection's task to do?
        // Before the 101 (Waiting, None): no, the frames wait for `open`. Of a socket that only the task can
        // write (Open, None): yes, always. Of any other socket (_, Some): only when it did not take everything,
        // which the attempt has to find out.
        let wake = match (stage, socket) {
            (stage, None) => {
                if self.is_over(backlog, SLACK_BEFORE_WRITING) {
                    *fault = Some(DisconnectReason::Overloaded);
                }
                *stage == WriteStage::Open
            }
            (_, Some(socket)) => {
                let written = self.write(backlog, true, |slices| match socket.try_write(slices) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                    other => Poll::Ready(other),
                });
                if written == Written::TooSlow {
                    *fault = Some(DisconnectReason::SlowConsumer);
                }
                written != Written::Everything
            }
        };
        drop(side);
        if wake {
            self.handle.wake();
        }
    }

    /// The usual case, which leaves nothing to remember: how much the socket takes of a batch when nothing
    /// else waits. Whatever keeps it from taking everything is found again with the rest.
    fn write_at_once(&self, socket: &dyn DirectWrite, batch: &FrameBatch) -> usize {
        let slice = [io::IoSlice::new(batch.first_write())];
        let taken = self.handle.write(|| socket.try_write(&slice));
        taken.and_then(Result::ok).unwrap_or(0)
    }

    /// For the fan-out: asks for a Close after everything that was delivered.
    pub fn close(&self, close_reason: CloseReason) {
        lock(&self.side).close_reason.get_or_insert(close_reason);
        self.handle.wake();
    }

    /// For the task: a control frame, which goes before what has not begun.
    pub fn push_urgent(&self, frame: Bytes) {
        lock(&self.side).backlog.push_urgent(frame);
    }

    /// For the task: the polite end or the fault that was found since.
    pub fn ending(&self) -> (Option<DisconnectReason>, Option<CloseReason>) {
        let side = lock(&self.side);
        (side.fault, side.close_reason.clone())
    }

    /// For the task: writes what waits. Unless `fenced` is set, nothing after a fence.
    pub fn poll_write<S: Transport>(
        &self,
        stream: &mut S,
        fenced: bool,
        context: &mut Context<'_>,
    ) -> Written {
        let mut side = lock(&self.side);
        let progress = !side.backlog.is_empty();
        let written = self.write(&mut side.backlog, fenced, |slices| {
            Pin::new(&mut *stream).poll_write_vectored(context, slices)
        });
        if written != Written::Everything {
            return written;
        }
        match self.unless_fenced(fenced, || Pin::new(stream).poll_flush(context)) {
            None => Written::Fenced,
            Some(Poll::Ready(Ok(()))) => Written::Everything,
            Some(Poll::Ready(Err(_))) => Written::Lost,
            Some(Poll::Pending) => Written::Blocked { progress },
        }
    }

    fn write(
        &self,
        backlog: &mut Backlog,
        fenced: bool,
        mut write: impl FnMut(&[io::IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Written {
        let mut progress = false;
        while !backlog.is_empty() {
            match self.unless_fenced(fenced, || backlog.with_slices(&mut write)) {
                None => return Written::Fenced,
                Some(Poll::Ready(Ok(count))) if count > 0 => {
                    backlog.advance(count);
                    progress = true;
                }
                Some(Poll::Ready(_)) => return Written::Lost,
                // Counted after the attempt: what a tick sends cuts no client that reads.
                Some(Poll::Pending) if self.is_over(backlog, (1, 1)) => return Written::TooSlow,
                Some(Poll::Pending) => return Written::Blocked { progress },
            }
        }
        Written::Everything
    }

    fn unless_fenced<R>(&self, fenced: bool, attempt: impl FnOnce() -> R) -> Option<R> {
        if fenced {
            self.handle.write(attempt)
        } else {
            Some(attempt())
        }
    }

    fn is_over(&self, backlog: &Backlog, (bytes, messages): (usize, usize)) -> bool {
        backlog.bytes() > self.bytes_limit.saturating_mul(bytes)
            || backlog.frames() > self.messages_limit.saturating_mul(messages)
    }

    /// For the task: takes nothing of the game any more. What was delivered stays.
    pub fn shut(&self) {
        let mut side = lock(&self.side);
        side.stage = WriteStage::Shut;
        // The task owns the socket; with this it has the only hold of it.
        side.socket = None;
    }

    /// For the task: drops everything but the rest of a half-written frame.
    pub fn discard(&self) {
        lock(&self.side).backlog.discard();
    }

    /// For the task: the last frame.
    pub fn push_last(&self, frame: Bytes) {
        lock(&self.side).backlog.push(frame.into());
    }
}
