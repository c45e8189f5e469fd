//! From an accepted socket to the stream that requests and answers go through.

use std::io;

use tokio::net::TcpStream;

use super::{Plain, Transport};

/// Says how the bytes of the door's sockets are carried.
pub(crate) trait Acceptor: Clone + Send + Sync + 'static {
    /// What a socket becomes.
    type Stream: Transport;

    /// Whether an answer can be written to a socket as it was accepted. Otherwise it costs a TLS handshake,
    /// which is too much for a client that is turned away before its request is read.
    const ANSWERS_AT_ONCE: bool;

    /// Everything that comes before the first byte of the request. The caller sets the deadline.
    fn accept(&self, socket: TcpStream) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The bytes are carried as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainAcceptor;

impl Acceptor for PlainAcceptor {
    type Stream = Plain;

    const ANSWERS_AT_ONCE: bool = true;

    async fn accept(&self, socket: TcpStream) -> io::Result<Plain> {
        Ok(socket.into())
    }
}
