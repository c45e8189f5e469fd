//! After the 101: one task for each connection, which owns the socket.
//!
//! The socket has one reader and one writer, this task. What it reads is taken apart by the
//! [`websocket`](crate::websocket) reader, paid for out of the [`budget`], and goes into the game's inbox. What the
//! game sends comes as finished frames from the [`fanout`] into the [`Outbound`], which both of them write, together
//! with pongs and Close, under the fence of the [`Handle`].

mod budget;
mod closing;
pub(crate) mod fanout;
#[cfg(test)]
mod tests;
mod timers;

use std::{
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use tokio::io::ReadBuf;

use crate::{
    bridge::Notice,
    config::Limits,
    connection::{Fence, Handle, Inbound, Outbound, Written},
    identity::{CloseReason, DisconnectReason, Payload},
    registry::Registry,
    transport::Transport,
    websocket::{Event, ReadError, ReadRules, Reader, frame},
};

use budget::Budget;
use timers::{Due, Timers};

/// Bytes read at once, into a buffer on the stack: an idle session holds none.
const READ_BYTES: usize = 8 * 1024;

/// One live connection.
pub(crate) struct Session<S> {
    stream: S,
    reader: Reader,
    rules: ReadRules,
    frames: Budget,
    bytes: Budget,
    timers: Timers,
    /// A message for which the game has no room yet. Reading pauses meanwhile.
    stalled: Option<Payload>,
    /// What came after that message.
    unread: Vec<u8>,
    /// Pongs that are not in the backlog yet, each by itself: after a fence no further one is written.
    pongs: Vec<Bytes>,
    /// Why the client's stream is over.
    stream_end: Option<Ending>,
    /// Whether the connection is lost and its player stays.
    absent: bool,
    /// Whether the game was given anything that it may answer.
    spoken: bool,
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    registry: Arc<Registry>,
    handle: Arc<Handle>,
    limits: Arc<Limits>,
}

/// How a session ends.
#[derive(Debug)]
enum Ending {
    /// The client sent Close with this content.
    ByClient(Vec<u8>),
    /// The socket is of no use any more.
    Lost,
    /// The protocol was broken: the rest of the stream means nothing. What came before is answered.
    Broken(CloseReason),
    /// The server ends it now.
    Cut(CloseReason),
    /// The server ends it after what is queued.
    Polite(CloseReason),
}

/// What an attempt to read and write came to.
enum Io {
    /// Bytes came.
    Read,
    /// Bytes came that bring nothing to read, and were counted. They are no sign of life.
    Counted,
    Fenced,
    TooSlow,
    Lost,
}

impl<S: Transport> Session<S> {
    pub fn new(
        stream: S,
        inbound: Arc<Inbound>,
        outbound: Arc<Outbound>,
        registry: Arc<Registry>,
        limits: Arc<Limits>,
    ) -> Self {
        let now = Instant::now();
        let handle = inbound.handle.clone();
        Self {
            stream,
            reader: Reader::default(),
            rules: ReadRules::new(limits.max_frame_bytes, limits.max_message_bytes),
            frames: Budget::new(
                limits.inbound_frames_per_second,
                limits.inbound_frames_burst,
                now,
            ),
            bytes: Budget::new(
                limits.inbound_bytes_per_second,
                limits.inbound_bytes_per_second,
                now,
            ),
            timers: Timers::new(&limits, handle.token().expires_at, now),
            stalled: None,
            unread: Vec::new(),
            pongs: Vec::new(),
            stream_end: None,
            absent: false,
            spoken: false,
            inbound,
            outbound,
            registry,
            handle,
            limits,
        }
    }

    /// Runs until the connection is over. The departure is reported as soon as it is certain, before
    /// the closing handshake.
    pub async fn run(mut self: Box<Self>) {
        let ending = self.live().await;
        let close_reason = match &ending {
            Ending::ByClient(_) => DisconnectReason::ClientClosed.into(),
            Ending::Lost => DisconnectReason::ConnectionLost.into(),
            Ending::Broken(close_reason)
            | Ending::Cut(close_reason)
            | Ending::Polite(close_reason) => close_reason.clone(),
        };
        let may_come_back = !self.limits.resume_window.is_zero()
            && matches!(
                close_reason.reason,
                DisconnectReason::ConnectionLost | DisconnectReason::HeartbeatTimeout
            );
        self.absent = may_come_back && self.registry.lose(&self.handle, close_reason.clone());
        if !self.absent {
            let fence = match ending {
                Ending::Polite(_) | Ending::Broken(_) => Fence::AfterQueue,
                Ending::ByClient(_) | Ending::Lost | Ending::Cut(_) => Fence::Now,
            };
            self.registry.leave(&self.handle, close_reason, fence);
        }
        let registry = self.registry.clone();
        let in_order = tokio::select! {
            biased;
            in_order = self.close(ending) => in_order,
            () = registry.drain.is_cut() => false,
        };
        if !in_order {
            self.stream.reset_on_close();
        }
        registry.drain.left(self.handle.id, in_order);
    }

    async fn live(&mut self) -> Ending {
        self.outbound.open(self.stream.direct());
        let sleep = tokio::time::sleep_until(Instant::now().into());
        tokio::pin!(sleep);
        loop {
            if let Some(close_reason) = self.handle.fenced() {
                return Ending::Cut(close_reason);
            }
            if let Some(ending) = self.collect() {
                return ending;
            }
            if self.stalled.is_some()
                && let Some(ending) = self.pass_on()
            {
                return ending;
            }
            let now = Instant::now();
            let paused = self.paused_until(now);
            if let Some(ending) = self.check_clocks(paused.is_some(), now) {
                return ending;
            }
            let next = self.timers.next(&self.limits, now);
            let wake = match paused {
                // A client may owe for longer than that is endured.
                Some(until) => self.endured_until().map_or(until, |end| until.min(end)),
                None => next,
            };
            let wake = wake.min(next);
            sleep.as_mut().reset(wake.into());

            let handle = self.handle.clone();
            let reading = paused.is_none() && self.stalled.is_none();
            let io = tokio::task::unconstrained(std::future::poll_fn(|context| {
                self.poll_io(reading, context)
            }));
            let io = tokio::select! {
                biased;
                () = handle.woken() => continue,
                io = io => io,
                () = &mut sleep => continue,
            };
            let ending = match io {
                Io::Read => {
                    self.timers.heard();
                    self.stream_end.take()
                }
                Io::Counted | Io::Fenced => continue,
                Io::TooSlow => Some(Ending::Cut(DisconnectReason::SlowConsumer.into())),
                Io::Lost => Some(Ending::Lost),
            };
            if let Some(ending) = ending {
                return ending;
            }
        }
    }

    /// Answers pings, and looks whether the fan-out wants an end.
    fn collect(&mut self) -> Option<Ending> {
        for pong in self.pongs.drain(..) {
            self.outbound.push_urgent(pong);
        }
        let (fault, close_reason) = self.outbound.ending();
        fault
            .map(|reason| Ending::Cut(reason.into()))
            .or(close_reason.map(Ending::Polite))
    }

    fn paused_until(&mut self, now: Instant) -> Option<Instant> {
        self.frames
            .pause_until(now)
            .max(self.bytes.pause_until(now))
    }

    /// When a client that is over its rate has been so for too long.
    fn endured_until(&self) -> Option<Instant> {
        let over_since = [self.frames.over_since(), self.bytes.over_since()];
        let since = over_since.into_iter().flatten().min()?;
        Some(since + self.limits.inbound_overload_timeout)
    }

    fn check_clocks(&mut self, paused: bool, now: Instant) -> Option<Ending> {
        if paused || self.stalled.is_some() {
            // Nothing is read now: neither silence nor an unfinished message is the client's fault.
            self.timers.heard();
            self.timers.unfinished(false, now);
        }
        let flooding = self.endured_until().is_some_and(|end| now >= end);
        if flooding && paused {
            return Some(Ending::Cut(DisconnectReason::RateLimited.into()));
        }
        if self.handle.take_renewed() {
            self.timers
                .renew(&self.limits, self.handle.token().expires_at);
        }
        match self.timers.due(&self.limits, now)? {
            Due::Ping => {
                self.outbound.push_urgent(frame::PING);
                None
            }
            Due::Warning(ends_at) => {
                let id = self.handle.id;
                let notice = Notice::Expiring { id, ends_at };
                self.registry.notices.put(notice);
                None
            }
            Due::End(reason) => Some(Ending::Cut(reason.into())),
        }
    }

    fn poll_io(&mut self, reading: bool, context: &mut Context<'_>) -> Poll<Io> {
        if let Some(stop) = self.poll_write(context) {
            return Poll::Ready(stop);
        }
        if !reading {
            return Poll::Pending;
        }
        let mut buffer = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let price = self.stream.price_of(buffer.filled().len());
                self.bytes.spend(price, Instant::now());
                self.take_apart(buffer.filled_mut());
                Poll::Ready(Io::Read)
            }
            Poll::Ready(_) => Poll::Ready(Io::Lost),
            Poll::Pending => match self.stream.price_of(0) {
                0 => Poll::Pending,
                price => {
                    self.bytes.spend(price, Instant::now());
                    Poll::Ready(Io::Counted)
                }
            },
        }
    }

    /// Writes until nothing is left or the socket takes no more. Returns a reason to stop.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Option<Io> {
        match self.outbound.poll_write(&mut self.stream, true, context) {
            Written::Everything => self.timers.progressed(),
            Written::Blocked { progress } => {
                if progress {
                    self.timers.progressed();
                }
                self.timers.blocked(Instant::now());
            }
            Written::Fenced => return Some(Io::Fenced),
            Written::TooSlow => return Some(Io::TooSlow),
            Written::Lost => return Some(Io::Lost),
        }
        None
    }

    /// Passes on what has arrived before, as far as the game has room.
    fn pass_on(&mut self) -> Option<Ending> {
        if let Some(payload) = self.stalled.take()
            && let Err(payload) = self.inbound.push(payload)
        {
            self.stalled = Some(payload);
            return None;
        }
        let mut unread = std::mem::take(&mut self.unread);
        self.take_apart(&mut unread);
        self.stream_end.take()
    }

    /// Passes on what these bytes say, as far as the game has room.
    fn take_apart(&mut self, mut input: &mut [u8]) {
        let now = Instant::now();
        while self.stalled.is_none() {
            match self.reader.read(&self.rules, &mut input) {
                Ok(Some(event)) => self.heed(event, now),
                Ok(None) => {
                    self.timers.unfinished(self.reader.is_unfinished(), now);
                    break;
                }
                Err(error) => {
                    tracing::debug!(%error, "a session ends");
                    let reason = DisconnectReason::from(error);
                    self.stream_end = Some(Ending::Broken(reason.into()));
                    break;
                }
            }
            if self.stream_end.is_some() {
                break;
            }
        }
        self.frames.spend(self.reader.take_frames(), now);
        if self.stalled.is_some() {
            self.unread = input.to_vec();
        }
    }

    fn heed(&mut self, event: Event<'_>, now: Instant) {
        let payload = match event {
            Event::Text(text) => Payload::from(text.into_owned()),
            Event::Binary(content) => Payload::from(content.into_owned()),
            Event::Ping(content) => return self.pongs.push(frame::pong(&content)),
            Event::Pong => return,
            Event::Close(content) => {
                self.stream_end = Some(Ending::ByClient(content.into_owned()));
                return;
            }
            Event::Compressed { .. } => {
                let reason = DisconnectReason::from(ReadError::Protocol);
                self.stream_end = Some(Ending::Broken(reason.into()));
                return;
            }
        };
        // What is unfinished now is another message.
        self.timers.unfinished(false, now);
        self.spoken = true;
        self.stalled = self.inbound.push(payload).err();
    }
}

impl<S> Drop for Session<S> {
    /// Also when the task panicked or was aborted.
    fn drop(&mut self) {
        self.outbound.shut();
        if !self.absent {
            let close_reason = DisconnectReason::InternalError.into();
            self.registry.leave(&self.handle, close_reason, Fence::Now);
        }
    }
}
