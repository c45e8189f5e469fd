//! What a session needs of a socket, and the plain one.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A byte stream over a socket. What it writes is on its way once it is flushed.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// The way around this object, for a stream whose bytes can be written from anywhere.
    fn direct(&self) -> Option<Arc<dyn DirectWrite>>;

    /// How many bytes the socket gave since the last call, whatever they were good for.
    fn take_received(&mut self) -> usize;

    /// Ready when the client has hung up. Takes nothing out of the stream, and is never ready when
    /// something is in it.
    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Makes the coming close a reset that throws away what the kernel has not sent yet.
    fn reset_on_close(&self);
}

/// Writes without waiting.
pub(crate) trait DirectWrite: Send + Sync {
    /// Writes as much as the socket takes now; `WouldBlock` when that is nothing.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl DirectWrite for TcpStream {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [one] => TcpStream::try_write(self, one),
            many => self.try_write_vectored(many),
        }
    }
}

/// Plain TCP.
pub(crate) struct Plain {
    socket: Arc<TcpStream>,
    received: usize,
}

impl From<TcpStream> for Plain {
    fn from(socket: TcpStream) -> Self {
        Self {
            socket: Arc::new(socket),
            received: 0,
        }
    }
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(context))?;
            match self.socket.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => {
                    self.received += other?;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(context))?;
            match DirectWrite::try_write(&*self.socket, slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.socket).shutdown(Shutdown::Write))
    }
}

impl Transport for Plain {
    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(self.socket.clone())
    }

    fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }

    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        match ready!(self.socket.poll_peek(context, &mut ReadBuf::new(&mut byte))) {
            Ok(1..) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    fn reset_on_close(&self) {
        reset_on_close(&self.socket);
    }
}

/// Makes the coming close a reset. Fails only for a socket that is gone already.
pub(super) fn reset_on_close(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
