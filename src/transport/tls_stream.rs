//! TLS over TCP, once its handshake is over.
//!
//! Each record depends on those before it, so only the task that owns the connection can write: the
//! fan-out leaves its frames in the queue of the connection and wakes the task.
//!
//! A tick's frames are sealed together, as many as fit into one record of [`SEALED_BYTES`], and written
//! at once. A sealed record cannot be taken back, because the next one, which may be the Close, could not
//! be opened without it. So what is sealed counts as written, and is to a fence what a half-written frame
//! is on a plain socket: the rest of that one record still goes out, or the socket is reset. It is sealed
//! under the fence, only while the socket takes something, and nothing more is sealed before it is out:
//! after a fence, the client gets at most the frames in one record, and then Close.

use std::{
    io::{self, BufRead, ErrorKind, IoSlice, Read, Write},
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
use tokio_rustls::{rustls::ServerConnection, server::TlsStream};

use super::{DirectWrite, Transport, direct_write::write_when_ready, reset_on_close};

/// Most bytes that are sealed and not written: one record. What arrives is bounded by rustls, with one
/// record that is not whole and one that is not read, 16 KiB each.
const SEALED_BYTES: usize = 16 * 1024;

/// See the module's documentation.
pub(crate) struct Tls {
    socket: TcpStream,
    connection: Box<ServerConnection>,
    received: usize,
}

impl From<TlsStream<TcpStream>> for Tls {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        let (socket, mut connection) = stream.into_inner();
        connection.set_buffer_limit(Some(SEALED_BYTES));
        Self {
            socket,
            connection: Box::new(connection),
            received: 0,
        }
    }
}

impl Tls {
    /// Whether something can be read; false at the end.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.connection.wants_read() {
            ready!(self.poll_receive(context))?;
        }
        match self.connection.reader().fill_buf() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // A record that is not whole, or one without content. Not again at once: a client
                // that sends only such ones pays for them first.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            other => Poll::Ready(other.map(|bytes| !bytes.is_empty())),
        }
    }

    /// Takes one piece out of the socket, and opens the records that are whole.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let count = loop {
            ready!(self.socket.poll_read_ready(context))?;
            match self.connection.read_tls(&mut Raw(&self.socket)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => break other?,
            }
        };
        self.received += count;
        let opened = self.connection.process_new_packets();
        if opened.is_err() {
            // An alert may say why. Whether it arrives does not matter.
            let _ = self.poll_send(context);
        }
        Poll::Ready(opened.map(drop).map_err(io::Error::other))
    }

    /// Writes what is sealed.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.connection.wants_write() {
            ready!(self.socket.poll_write_ready(context))?;
            match self.connection.write_tls(&mut Raw(&self.socket)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                other => drop(other?),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if ready!(self.poll_readable(context))? {
            let count = self
                .connection
                .reader()
                .read(buffer.initialize_unfilled())?;
            buffer.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(context))?;
        // Nothing is sealed for a socket that takes nothing.
        ready!(self.socket.poll_write_ready(context))?;
        let count = self.connection.writer().write_vectored(slices)?;
        match self.poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(count)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Only the first one counts.
        self.connection.send_close_notify();
        ready!(self.poll_send(context))?;
        Poll::Ready(SockRef::from(&self.socket).shutdown(Shutdown::Write))
    }
}

impl Transport for Tls {
    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }

    /// Everything that the socket gave since the last time: records without content cost, too.
    fn price_of(&mut self, _: usize) -> usize {
        std::mem::take(&mut self.received)
    }

    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_readable(context)) {
            Ok(true) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    fn reset_on_close(&self) {
        reset_on_close(&self.socket);
    }
}

/// A socket as rustls wants it: what would wait is an error.
struct Raw<'a>(&'a TcpStream);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_when_ready(self.0, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::{
        TlsAcceptor, TlsConnector, client,
        rustls::{
            ClientConfig, RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::ServerName,
        },
    };

    use super::*;

    async fn connected() -> (Tls, client::TlsStream<TcpStream>) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = signing_key.serialize_der().try_into().unwrap();
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let (server, client) = tokio::join!(
            async {
                let (socket, _) = listener.accept().await.unwrap();
                TlsAcceptor::from(Arc::new(server)).accept(socket).await
            },
            async {
                let socket = TcpStream::connect(address).await.unwrap();
                let connector = TlsConnector::from(Arc::new(client));
                connector.connect(name, socket).await
            }
        );
        (server.unwrap().into(), client.unwrap())
    }

    /// Writes once; `None` when the stream takes nothing.
    async fn try_write(stream: &mut Tls, slices: &[IoSlice<'_>]) -> Option<usize> {
        poll_fn(|context| {
            let written = Pin::new(&mut *stream).poll_write_vectored(context, slices);
            Poll::Ready(match written {
                Poll::Ready(count) => Some(count.unwrap()),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn p05_what_is_sealed_for_a_socket_that_takes_nothing_is_at_most_one_record() {
        let (mut server, mut client) = connected().await;
        let large = vec![7; 64 * 1024];
        let mut written = 0;
        while let Some(count) = try_write(&mut server, &[IoSlice::new(&large)]).await {
            assert!(count <= SEALED_BYTES, "{count} at once");
            written += count;
        }
        // The client has read nothing: a refused write stays refused, and seals nothing.
        for _ in 0..10 {
            assert_eq!(try_write(&mut server, &[IoSlice::new(&large)]).await, None);
        }
        let mut sealed = Vec::new();
        while server.connection.wants_write() {
            server.connection.write_tls(&mut sealed).unwrap();
        }
        let record = SEALED_BYTES + 22;
        assert!(sealed.len() <= record, "{} bytes", sealed.len());

        // Everything that counted as written arrives.
        let send = async { server.socket.write_all(&sealed).await.unwrap() };
        let mut heard = vec![0; written];
        let (heard, ()) = tokio::join!(client.read_exact(&mut heard), send);
        assert_eq!(heard.unwrap(), written);
    }

    #[tokio::test]
    async fn frames_of_one_tick_are_one_record() {
        let (mut server, client) = connected().await;
        let frames = [[1; 100]; 50];
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        assert_eq!(try_write(&mut server, &slices).await, Some(5000));
        assert!(!server.connection.wants_write(), "it is out already");
        let (mut socket, _) = client.into_inner();
        let mut header = [0; 5];
        let record = loop {
            socket.read_exact(&mut header).await.unwrap();
            let length = u16::from_be_bytes([header[3], header[4]]);
            let mut content = vec![0; usize::from(length)];
            socket.read_exact(&mut content).await.unwrap();
            if length > 1000 {
                break length;
            }
            // A ticket for the next time.
        };
        assert_eq!(record, 5000 + 17);
    }
}
