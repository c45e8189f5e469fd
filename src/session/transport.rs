//! What a session needs of a socket.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{io::ReadBuf, net::TcpStream};

/// A byte stream that can be reset.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Reads what is there. Nothing means the end.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;

    /// Writes as much as the socket takes.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// The way around this object, for a stream whose bytes can be written from anywhere.
    fn direct(&self) -> Option<Arc<dyn DirectWrite>>;

    /// Ends the writing side in order.
    fn shut_down(&self) -> io::Result<()>;

    /// Makes the coming close a reset that throws away what the kernel has not sent yet.
    fn reset_on_close(&self);
}

/// Writes without waiting.
pub(crate) trait DirectWrite: Send + Sync {
    /// Writes as much as the socket takes now; `WouldBlock` when that is nothing.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl DirectWrite for TcpStream {
    /// Straight to the kernel: tokio's note of whether the socket is ready lies in memory of its own,
    /// which would have to be fetched for each of thousands of sockets. When the kernel takes nothing,
    /// the task of the connection waits in tokio's way.
    #[cfg(target_os = "linux")]
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket = SockRef::from(self);
        match slices {
            [one] => socket.send_with_flags(one, libc::MSG_NOSIGNAL),
            many => socket.send_vectored_with_flags(many, libc::MSG_NOSIGNAL),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_when_ready(self, slices)
    }
}

/// When the socket takes nothing, the next wait for its readiness really waits.
fn write_when_ready(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [one] => stream.try_write(one),
        many => stream.try_write_vectored(many),
    }
}

/// Plain TCP.
pub(crate) struct Plain(Arc<TcpStream>);

impl From<TcpStream> for Plain {
    fn from(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }
}

impl Transport for Plain {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other.map(|_| ())),
            }
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match write_when_ready(&self.0, slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(self.0.clone())
    }

    fn shut_down(&self) -> io::Result<()> {
        SockRef::from(&*self.0).shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {
        reset_on_close(&self.0);
    }
}

/// Makes the coming close a reset. Fails only for a socket that is gone already.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Waits until the client hangs up. Takes nothing out of the stream, and waits for ever when something
/// is in it.
pub(crate) async fn hung_up(stream: &TcpStream) {
    if matches!(stream.peek(&mut [0]).await, Ok(1..)) {
        std::future::pending::<()>().await;
    }
}
