//! What a session needs of a socket.

mod acceptor;
mod direct_write;
mod plain;
#[cfg(feature = "tls")]
mod tls_acceptor;
#[cfg(feature = "tls")]
mod tls_stream;

pub(crate) use acceptor::{Acceptor, PlainAcceptor};
pub(crate) use direct_write::DirectWrite;
pub(crate) use plain::Plain;
#[cfg(feature = "tls")]
pub(crate) use tls_acceptor::TlsAcceptor;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A byte stream over a socket. What it writes is on its way once it is flushed.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Writes past this object, for a stream whose bytes can be written from anywhere.
    fn direct(&self) -> Option<Arc<dyn DirectWrite>>;

    /// What the socket gave for so many bytes that were read, with what nobody gets to read.
    fn price_of(&mut self, read: usize) -> usize;

    /// Ready when the client has hung up. Takes nothing out of the stream, and waits for ever when
    /// something is in it.
    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Makes the coming close a reset that throws away what the kernel has not sent yet.
    fn reset_on_close(&self);
}

/// Makes the coming close a reset. Fails only for a socket that is gone already.
pub(super) fn reset_on_close(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
