//! TCP as it is.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{DirectWrite, Transport, direct_write::write_when_ready, reset_on_close};

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
