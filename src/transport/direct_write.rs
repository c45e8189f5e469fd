//! The way around a stream: bytes straight to its socket, from any task.

use std::io::{self, IoSlice};

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpStream;

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
