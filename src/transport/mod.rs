//! What a connection needs of a socket, and the plain one.

mod acceptor;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_acceptor;

pub(crate) use acceptor::{Acceptor, PlainAcceptor};
#[cfg(feature = "tls")]
pub(crate) use tls_acceptor::TlsAcceptor;
#[cfg(feature = "tls")]
pub use tls_acceptor::TlsConfig;

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

    /// What the socket gave for so many bytes that were read, with what nobody gets to read.
    fn price_of(&mut self, read: usize) -> usize;

    /// Ready when the client has hung up. Takes nothing out of the stream, and waits for ever when
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
pub(super) fn write_when_ready(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
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

impl AsyncRead for Plain {
    fn poll_read(
        self: Pin<&mut Self>,
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
            ready!(self.0.poll_write_ready(context))?;
            match write_when_ready(&self.0, slices) {
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
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}

impl Transport for Plain {
    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(self.0.clone())
    }

    fn price_of(&mut self, read: usize) -> usize {
        read
    }

    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        match ready!(self.0.poll_peek(context, &mut ReadBuf::new(&mut byte))) {
            Ok(1..) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    fn reset_on_close(&self) {
        reset_on_close(&self.0);
    }
}

/// Makes the coming close a reset. Fails only for a socket that is gone already.
pub(super) fn reset_on_close(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
