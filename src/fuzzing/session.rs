//! A whole session over a socket in memory, driven by a script.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Builder,
    task::yield_now,
};

use crate::{
    bridge::{GameEnd, bridge},
    config::Limits,
    connection::{FrameBatch, Handle, Inbound, Outbound},
    identity::{CloseReason, DisconnectReason, Payload, TokenFacts, User},
    registry::Registry,
    revocation::{Revocation, Subject},
    session::Session,
    transport::{DirectWrite, Transport},
    util::{Mutex, MutexGuard, lock},
    websocket::frame,
};

/// Most messages that the game reads in one step.
const READ_AT_ONCE: usize = 4;

/// What happens next.
#[derive(Debug, Clone)]
pub enum Step {
    /// The client's bytes arrive, in one piece.
    Arrive(Vec<u8>),
    /// The client ends its side.
    End,
    /// The connection breaks.
    Break,
    /// The socket takes so many bytes more.
    Take(usize),
    /// The game reads a few messages.
    Read,
    /// The game sends these messages in one tick.
    Send(Vec<Payload>),
    /// The game sends the player away, after what was sent before.
    Kick,
    /// The operator revokes the user.
    Revoke,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the game read, in order.
    pub delivered: Vec<Payload>,
    /// What the socket took.
    pub written: Vec<u8>,
    /// How many bytes the socket had taken when the user was revoked.
    pub written_at_revocation: Option<usize>,
    /// Why the player left: one reason, if all is well.
    pub departures: Vec<DisconnectReason>,
    /// Messages that were put in after the departure was reported.
    pub late: usize,
    /// Whether the socket was reset rather than closed.
    pub reset: bool,
    /// Whether anything was written after the end of the writing side.
    pub written_after_shutdown: bool,
    /// Places that are taken in the end.
    pub occupied: usize,
}

/// Runs a session to its end. After the script the client ends its side and takes everything, unless it
/// is `silent` and the player has left: then the deadlines have to end it.
pub fn run(
    limits: &Limits,
    direct: bool,
    silent: bool,
    script: impl IntoIterator<Item = Step>,
) -> Outcome {
    // The clock stands still while there is something to do, and jumps when only a deadline is left.
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let (mut stage, session) = Stage::new(limits, direct);
        let running = tokio::spawn(Box::new(session).run());
        for step in script {
            stage.act(step);
            stage.settle().await;
        }
        if !silent || stage.outcome.departures.is_empty() {
            stage.act(Step::Take(usize::MAX));
            stage.act(Step::End);
            while !running.is_finished() {
                stage.settle().await;
                stage.act(Step::Read);
            }
        }
        running.await.expect("a session does not panic");
        stage.settle().await;
        stage.strike()
    })
}

struct Stage {
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    registry: Arc<Registry>,
    socket: Socket,
    handle: Arc<Handle>,
    game: GameEnd,
    outcome: Outcome,
}

impl Stage {
    fn new(limits: &Limits, direct: bool) -> (Self, Session<Socket>) {
        let (network, game, departures, notices, _ticks) = bridge(limits, &Arc::default());
        let registry = Arc::new(Registry::new(limits, departures, notices, None));
        let user = User::new("player-1", "Ann").expect("a valid user");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let handle = registry
            .admit(user, TokenFacts::default(), peer)
            .expect("the registry is empty");
        registry.enter(&handle).expect("nobody has abandoned it");
        let stage = Self {
            inbound: network.inbound(handle.clone()),
            outbound: Arc::new(Outbound::new(handle.clone(), limits)),
            registry: registry.clone(),
            socket: Socket {
                ends: Arc::default(),
                direct,
            },
            handle,
            game,
            outcome: Outcome::default(),
        };
        let session = Session::new(
            stage.socket.clone(),
            stage.inbound.clone(),
            stage.outbound.clone(),
            registry,
            Arc::new(limits.clone()),
        );
        (stage, session)
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Arrive(bytes) => self.socket.ends().arrive(bytes),
            Step::End => self.socket.ends().end(None),
            Step::Break => self.socket.ends().end(Some(ErrorKind::ConnectionReset)),
            Step::Take(count) => self.socket.ends().take(count),
            Step::Read => {
                let taken = self.inbound.take(READ_AT_ONCE, usize::MAX);
                self.outcome.delivered.extend(taken);
            }
            Step::Send(payloads) => {
                let runs = payloads.iter().map(|payload| frame::encode(payload).into());
                self.outbound.deliver(&FrameBatch::join(runs.collect()));
            }
            Step::Kick => {
                let close_reason = CloseReason {
                    reason: DisconnectReason::Kicked,
                    message: Some("be nice".into()),
                    lasts: None,
                };
                self.registry.send_home(&self.subject(), &close_reason);
            }
            Step::Revoke => {
                drop(self.registry.revoke(Revocation::new(self.subject())));
                let written = self.socket.ends().written.len();
                self.outcome.written_at_revocation.get_or_insert(written);
            }
        }
    }

    fn subject(&self) -> Subject {
        Subject::User(self.handle.user_id().clone())
    }

    /// Lets the session do what it can, and does what the game does about a departure.
    async fn settle(&mut self) {
        for _ in 0..3 {
            yield_now().await;
        }
        while let Ok(departure) = self.game.departures.try_recv() {
            self.outcome.departures.push(departure.close_reason.reason);
            let rest = self.inbound.take(usize::MAX, usize::MAX);
            self.outcome.delivered.extend(rest);
            self.outbound.close(departure.close_reason);
        }
    }

    fn strike(mut self) -> Outcome {
        self.outcome.late = self.inbound.take(usize::MAX, usize::MAX).len();
        // As the game does in every tick: what waits in the line holds a place.
        self.game.ready.try_iter().for_each(drop);
        drop((self.inbound, self.outbound, self.handle, self.game));
        let mut ends = self.socket.ends();
        Outcome {
            written: std::mem::take(&mut ends.written),
            reset: ends.reset,
            written_after_shutdown: ends.written_after_shutdown,
            occupied: self.registry.occupied(),
            ..self.outcome
        }
    }
}

/// A socket in memory.
#[derive(Clone)]
struct Socket {
    ends: Arc<Mutex<Ends>>,
    /// Whether the fan-out may write to it.
    direct: bool,
}

#[derive(Default)]
struct Ends {
    arriving: VecDeque<Vec<u8>>,
    /// How reading ends after what is arriving: in order, or with an error.
    ended: Option<Option<ErrorKind>>,
    room: usize,
    written: Vec<u8>,
    shut_down: bool,
    written_after_shutdown: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Socket {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        lock(&self.ends)
    }
}

impl Ends {
    fn arrive(&mut self, bytes: Vec<u8>) {
        if self.ended.is_none() && !bytes.is_empty() {
            self.arriving.push_back(bytes);
            wake(&mut self.reader);
        }
    }

    fn end(&mut self, error: Option<ErrorKind>) {
        self.ended.get_or_insert(error);
        wake(&mut self.reader);
    }

    fn take(&mut self, count: usize) {
        self.room = self.room.saturating_add(count);
        wake(&mut self.writer);
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(Some(error)) = self.ended {
            return Err(error.into());
        }
        self.written_after_shutdown |= self.shut_down;
        let before = self.written.len();
        for slice in slices {
            let count = slice.len().min(self.room);
            self.room -= count;
            self.written.extend_from_slice(&slice[..count]);
        }
        match self.written.len() - before {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.ends();
        if let Some(mut bytes) = ends.arriving.pop_front() {
            let rest = bytes.split_off(bytes.len().min(buffer.remaining()));
            buffer.put_slice(&bytes);
            if !rest.is_empty() {
                ends.arriving.push_front(rest);
            }
            return Poll::Ready(Ok(()));
        }
        match ends.ended {
            Some(None) => Poll::Ready(Ok(())),
            Some(Some(error)) => Poll::Ready(Err(error.into())),
            None => {
                ends.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ends().shut_down = true;
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.ends();
        match ends.write(slices) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ends.writer = Some(context.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }
}

impl Transport for Socket {
    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        self.direct.then(|| Arc::new(self.clone()) as _)
    }

    fn price_of(&mut self, read: usize) -> usize {
        read
    }

    fn poll_hung_up(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.ends().ended {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    fn reset_on_close(&self) {
        self.ends().reset = true;
    }
}

impl DirectWrite for Socket {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.ends().write(slices)
    }
}
