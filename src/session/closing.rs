//! The end of a session: good-bye, the closing handshake, and a reset for whoever does not answer.

use std::{future::poll_fn, mem::MaybeUninit, pin::Pin, task::Poll, time::Duration};

use tokio::{
    io::{AsyncWriteExt, ReadBuf},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::tungstenite::{
    Error as ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{Ending, Session};
use crate::{
    connection::Handle,
    identity::{DisconnectReason, Goodbye},
};
use crate::{connection::Written, transport::Transport};

const DRAIN_BYTES: usize = 1024;
/// What a client may send after our Close before it is reset.
const DRAIN_LIMIT_BYTES: usize = 1024 * 1024;

impl<S: Transport> Session<S> {
    /// Says good-bye within the time that the reason allows. True when both sides have closed in order;
    /// otherwise the socket has to be reset.
    pub(super) async fn close(&mut self, ending: Ending) -> bool {
        let ending = match ending {
            Ending::Polite(goodbye) => Ending::Cut(self.write_queued(goodbye).await),
            Ending::Broken(goodbye) if self.spoken => {
                Ending::Broken(self.write_queued(goodbye).await)
            }
            other => other,
        };
        self.outlet.shut();
        let limit = self.time_to_close(&ending);
        let deadline = Instant::now() + limit;
        let (handle, cut_timeout) = (self.handle.clone(), self.limits.cut_timeout);
        tokio::select! {
            biased;
            in_order = timeout_at(deadline, self.say_goodbye(ending)) => in_order == Ok(true),
            () = barred_for(&handle, cut_timeout) => false,
        }
    }

    fn time_to_close(&self, ending: &Ending) -> Duration {
        match ending {
            Ending::Cut(goodbye) | Ending::Broken(goodbye) if is_barred(goodbye.reason) => {
                self.limits.cut_timeout
            }
            _ => self.limits.close_timeout,
        }
    }

    /// True when both sides have closed in order.
    async fn say_goodbye(&mut self, ending: Ending) -> bool {
        let ending = match ending {
            // Its answer would come after the flood, which is not taken apart any more either.
            Ending::Cut(goodbye) if goodbye.reason == DisconnectReason::RateLimited => {
                Ending::Broken(goodbye)
            }
            other => other,
        };
        let goodbye = match ending {
            Ending::Lost => return false,
            Ending::ByClient => {
                self.outlet.discard();
                self.protocol.get_mut().keep_last_frame();
                return self.write_close().await && self.stream.shutdown().await.is_ok();
            }
            Ending::Broken(goodbye) => {
                self.begin_close(&goodbye);
                // What follows a broken frame is not a frame, so there is no answer to understand.
                return self.write_close().await
                    && self.stream.shutdown().await.is_ok()
                    && self.drain(|_, bytes| bytes.is_empty()).await;
            }
            Ending::Cut(goodbye) | Ending::Polite(goodbye) => goodbye,
        };
        self.begin_close(&goodbye);
        self.write_close().await
            && self.drain(Self::is_answered).await
            && self.stream.shutdown().await.is_ok()
    }

    /// Writes what the game sends until it has said that this was the last, within `close_timeout`. A
    /// fence overtakes it, and brings its own reason and time.
    async fn write_queued(&mut self, goodbye: Goodbye) -> Goodbye {
        let handle = self.handle.clone();
        let deadline = Instant::now() + self.limits.close_timeout;
        while handle.fenced().is_none() {
            let write =
                poll_fn(
                    |context| match self.outlet.poll_write(&mut self.stream, true, context) {
                        Written::Blocked { .. } => Poll::Pending,
                        Written::Everything if self.outlet.ending() == (None, None) => {
                            Poll::Pending
                        }
                        _ => Poll::Ready(()),
                    },
                );
            tokio::select! {
                biased;
                () = handle.woken() => {}
                () = write => break,
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        handle.fenced().unwrap_or(goodbye)
    }

    /// Nothing but Close from here on, and nothing more for the game.
    fn begin_close(&mut self, goodbye: &Goodbye) {
        self.outlet.discard();
        let frame = CloseFrame {
            code: CloseCode::from(goodbye.reason.close_code()),
            reason: goodbye.close_text().into(),
        };
        // Fails when a Close is under way already; then that one is in the wire.
        let _ = self.protocol.close(Some(frame));
        // A pong that was not passed on may not pass the fence either.
        self.protocol.get_mut().keep_last_frame();
    }

    /// Writes the end of a half-written frame, and the Close. These two may pass the fence.
    async fn write_close(&mut self) -> bool {
        if let Some(close) = self.protocol.get_mut().take_outgoing() {
            self.outlet.push_last(close);
        }
        poll_fn(
            |context| match self.outlet.poll_write(&mut self.stream, false, context) {
                Written::Blocked { .. } => Poll::Pending,
                end => Poll::Ready(end == Written::Everything),
            },
        )
        .await
    }

    /// Reads and drops until `done` says so of what came (nothing at the end). False when the client
    /// sends too much meanwhile.
    async fn drain(&mut self, done: impl Fn(&mut Self, &[u8]) -> bool) -> bool {
        let mut left = DRAIN_LIMIT_BYTES;
        while left > 0 {
            let step = poll_fn(|context| {
                let mut buffer = [const { MaybeUninit::uninit() }; DRAIN_BYTES];
                let mut buffer = ReadBuf::uninit(&mut buffer);
                Pin::new(&mut self.stream)
                    .poll_read(context, &mut buffer)
                    .map_ok(|()| (done(self, buffer.filled()), buffer.filled().len()))
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

    /// Whether the client has answered the Close. Messages that come before are dropped.
    fn is_answered(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            self.protocol.get_mut().end();
        }
        self.protocol.get_mut().feed(bytes);
        loop {
            match self.protocol.read() {
                Ok(_) => {}
                Err(ProtocolError::Io(_)) => return false,
                Err(_) => return true,
            }
        }
    }
}

fn is_barred(reason: DisconnectReason) -> bool {
    use DisconnectReason::{Banned, Revoked, UserGone};
    matches!(reason, Revoked | Banned | UserGone)
}

/// Waits until somebody who was leaving anyway is barred, and for so long after that.
async fn barred_for(handle: &Handle, time: Duration) {
    while !handle
        .fenced()
        .is_some_and(|goodbye| is_barred(goodbye.reason))
    {
        handle.woken().await;
    }
    tokio::time::sleep(time).await;
}
