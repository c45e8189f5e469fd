//! The end of a session: the Close, the closing handshake, and a reset of a client that does not answer.

use bytes::Bytes;
use std::{future::poll_fn, mem::MaybeUninit, pin::Pin, task::Poll, time::Duration};

use tokio::{
    io::{AsyncWriteExt, ReadBuf},
    time::{Instant, timeout_at},
};

use super::{Ending, Session};
use crate::{
    connection::{Handle, Written},
    identity::{CloseReason, DisconnectReason},
    transport::Transport,
    websocket::{Event, frame},
};

const DRAIN_BYTES: usize = 1024;
/// What a client may send after the Close before it is reset.
const DRAIN_LIMIT_BYTES: usize = 1024 * 1024;

impl<S: Transport> Session<S> {
    /// Sends the Close within the time that the reason allows. True when both sides have closed in order;
    /// otherwise the socket has to be reset.
    pub(super) async fn close(&mut self, ending: Ending) -> bool {
        let ending = match ending {
            Ending::Polite(close_reason) => Ending::Cut(self.write_queued(close_reason).await),
            Ending::Broken(close_reason) if self.spoken => {
                Ending::Broken(self.write_queued(close_reason).await)
            }
            other => other,
        };
        self.outbound.shut();
        let limit = self.time_to_close(&ending);
        let deadline = Instant::now() + limit;
        let (handle, cut_timeout) = (self.handle.clone(), self.limits.cut_timeout);
        tokio::select! {
            biased;
            in_order = timeout_at(deadline, self.closing_handshake(ending)) => in_order == Ok(true),
            () = barred_for(&handle, cut_timeout) => false,
        }
    }

    fn time_to_close(&self, ending: &Ending) -> Duration {
        match ending {
            Ending::Cut(close_reason) | Ending::Broken(close_reason)
                if is_barred(close_reason.reason) =>
            {
                self.limits.cut_timeout
            }
            _ => self.limits.close_timeout,
        }
    }

    /// Writes the Close and waits for the answer. True when both sides have closed in order.
    async fn closing_handshake(&mut self, ending: Ending) -> bool {
        let ending = match ending {
            // Its answer would come after the flood, which is not taken apart any more either.
            Ending::Cut(close_reason) if close_reason.reason == DisconnectReason::RateLimited => {
                Ending::Broken(close_reason)
            }
            other => other,
        };
        let close_reason = match ending {
            Ending::Lost => return false,
            Ending::ByClient(content) => {
                let answer = frame::answer_close(&content);
                return self.write_close(answer).await && self.stream.shutdown().await.is_ok();
            }
            Ending::Broken(close_reason) => {
                // What follows a broken frame is not a frame, so there is no answer to understand.
                return self.write_close(close(&close_reason)).await
                    && self.stream.shutdown().await.is_ok()
                    && self.drain(|_, bytes| bytes.is_empty()).await;
            }
            Ending::Cut(close_reason) | Ending::Polite(close_reason) => close_reason,
        };
        self.write_close(close(&close_reason)).await
            && self.drain(Self::is_answered).await
            && self.stream.shutdown().await.is_ok()
    }

    /// Writes what the game sends until it has said that this was the last, within `close_timeout`. A
    /// fence overtakes it, and brings its own reason and time.
    async fn write_queued(&mut self, close_reason: CloseReason) -> CloseReason {
        let handle = self.handle.clone();
        let deadline = Instant::now() + self.limits.close_timeout;
        while handle.fenced().is_none() {
            let write = poll_fn(|context| {
                match self.outbound.poll_write(&mut self.stream, true, context) {
                    Written::Blocked { .. } => Poll::Pending,
                    Written::Everything if self.outbound.ending() == (None, None) => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            });
            tokio::select! {
                biased;
                () = handle.woken() => {}
                () = write => break,
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        handle.fenced().unwrap_or(close_reason)
    }

    /// Writes the end of a half-written frame, and the Close. These two may pass the fence. Nothing else does from
    /// here on.
    async fn write_close(&mut self, close: Bytes) -> bool {
        self.outbound.discard();
        self.outbound.push_last(close);
        poll_fn(
            |context| match self.outbound.poll_write(&mut self.stream, false, context) {
                Written::Blocked { .. } => Poll::Pending,
                end => Poll::Ready(end == Written::Everything),
            },
        )
        .await
    }

    /// Reads and drops until `done` says so of what came (nothing at the end). False when the client
    /// sends too much meanwhile.
    async fn drain(&mut self, done: impl Fn(&mut Self, &mut [u8]) -> bool) -> bool {
        let mut left = DRAIN_LIMIT_BYTES;
        let mut unread = std::mem::take(&mut self.unread);
        if !unread.is_empty() && done(self, &mut unread) {
            return true;
        }
        while left > 0 {
            let step = poll_fn(|context| {
                let mut buffer = [const { MaybeUninit::uninit() }; DRAIN_BYTES];
                let mut buffer = ReadBuf::uninit(&mut buffer);
                Pin::new(&mut self.stream)
                    .poll_read(context, &mut buffer)
                    .map_ok(|()| (done(self, buffer.filled_mut()), buffer.filled().len()))
            })
            .await;
            match step {
                Ok((true, _)) => return true,
                Ok((false, count)) if count > 0 => left = left.saturating_sub(count),
                _ => return false,
            }
        }
        false
    }

    /// Whether the client has answered the Close, or is gone. Messages that come before are dropped.
    fn is_answered(&mut self, mut bytes: &mut [u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        loop {
            match self.reader.read(&self.rules, &mut bytes) {
                Ok(Some(Event::Close(_))) | Err(_) => return true,
                Ok(Some(_)) => {}
                Ok(None) => return false,
            }
        }
    }
}

fn close(close_reason: &CloseReason) -> Bytes {
    frame::close(close_reason.reason.close_code(), &close_reason.close_text())
}

fn is_barred(reason: DisconnectReason) -> bool {
    use DisconnectReason::{Banned, Revoked, UserGone};
    matches!(reason, Revoked | Banned | UserGone)
}

/// Waits until a player who was leaving anyway is barred, and for so long after that.
async fn barred_for(handle: &Handle, time: Duration) {
    while !handle
        .fenced()
        .is_some_and(|close_reason| is_barred(close_reason.reason))
    {
        handle.woken().await;
    }
    tokio::time::sleep(time).await;
}
