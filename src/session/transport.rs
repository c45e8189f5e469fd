//! What a session needs of a socket.

use std::time::Duration;

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A byte stream that can be reset.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Makes the coming close a reset that throws away what the kernel has not sent yet.
    fn reset_on_close(&self);

    /// Waits until the client hangs up. Takes nothing out of the stream, and waits for ever when
    /// something is in it.
    fn hung_up(&self) -> impl Future<Output = ()> + Send;
}

impl Transport for TcpStream {
    fn reset_on_close(&self) {
        // Fails only for a socket that is gone already.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    async fn hung_up(&self) {
        if matches!(self.peek(&mut [0]).await, Ok(1..)) {
            std::future::pending::<()>().await;
        }
    }
}
