//! Accepts sockets, as many as there is room for, and survives every error of `accept`.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tracing::{debug, warn};

use super::gate::{Gate, Permits};
use crate::{config::Limits, transport::Acceptor, util::Backoff};

/// Connections that the kernel keeps for us before we accept them.
const BACKLOG: i32 = 1024;
/// Wait after an error that will still be there in a moment; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Binds the listener. The accepted sockets inherit the size of its send buffer, which has to be
/// set before the connection is made.
///
/// # Errors
/// Whatever the system says, for instance that the address is in use.
pub(crate) fn bind(address: SocketAddr, limits: &Limits) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Elsewhere it lets a restart bind while old connections linger; on Windows it would let
    // another process take the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(limits.socket_send_buffer_bytes)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until `stop` turns true or its sender is gone, and then closes the listener. Each socket
/// that the gate lets in gets a task of its own.
pub(crate) async fn accept_loop<A, F, Fut>(
    listener: TcpListener,
    gate: Arc<Gate>,
    acceptor: A,
    mut stop: watch::Receiver<bool>,
    on_connection: F,
) where
    A: Acceptor,
    F: Fn(A, TcpStream, Permits) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let accept = async {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    backoff.reset();
                    if stream.set_nodelay(true).is_err() {
                        continue; // It is gone already.
                    }
                    match gate.enter(peer) {
                        Ok(permits) => {
                            tokio::spawn(on_connection(acceptor.clone(), stream, permits));
                        }
                        Err(refusal) if A::ANSWERS_AT_ONCE => {
                            gate.turn_away(stream, peer, refusal);
                        }
                        Err(refusal) => debug!(%peer, %refusal, "closed before the TLS handshake"),
                    }
                }
                Err(error) if concerns_one_connection(&error) => {
                    debug!(%error, "a connection broke before it was accepted");
                }
                Err(error) => {
                    let pause = backoff.next();
                    warn!(%error, ?pause, "cannot accept connections");
                    sleep(pause).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = accept => {}
    }
}

/// Whether the error is the end of one connection in the queue, so that the next one may work.
/// Anything else (no file descriptors, no memory) will still be there in a moment.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, sync::mpsc, task::JoinHandle, time::timeout};

    use super::*;
    use crate::transport::PlainAcceptor;

    const LOCAL: &str = "127.0.0.1:0";

    struct Door {
        address: SocketAddr,
        accepted: mpsc::Receiver<(TcpStream, Permits)>,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    fn open(limits: &Limits) -> Door {
        let listener = bind(LOCAL.parse().unwrap(), limits).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (sender, accepted) = mpsc::channel(16);
        let gate = Arc::new(Gate::for_test(limits));
        let task = tokio::spawn(accept_loop(
            listener,
            gate,
            PlainAcceptor,
            stopped,
            move |_, stream, permits| {
                let sender = sender.clone();
                async move { sender.send((stream, permits)).await.unwrap() }
            },
        ));
        Door {
            address,
            accepted,
            stop,
            task,
        }
    }

    async fn answer(address: SocketAddr) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn accepted_sockets_have_no_delay_and_the_listeners_send_buffer() {
        let limits = Limits::default();
        let mut door = open(&limits);
        let _client = TcpStream::connect(door.address).await.unwrap();
        let (stream, _permits) = door.accepted.recv().await.unwrap();
        assert!(stream.nodelay().unwrap());
        let buffer = socket2::SockRef::from(&stream).send_buffer_size().unwrap();
        // Linux reports twice of what was set.
        let expected = limits.socket_send_buffer_bytes;
        assert!((expected..=2 * expected).contains(&buffer), "{buffer}");
    }

    #[tokio::test]
    async fn one_handshake_too_many_gets_a_503() {
        let limits = Limits {
            pending_handshakes: 1,
            ..Limits::default()
        };
        let mut door = open(&limits);
        let _first = TcpStream::connect(door.address).await.unwrap();
        let (_stream, permits) = door.accepted.recv().await.unwrap();
        let refusal = answer(door.address).await;
        assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
        assert!(refusal.contains("Retry-After: 1\r\n"));
        assert!(refusal.contains(r#""error":"capacity""#));

        // With the handshake over there is room, though the connection lives.
        drop(permits.pending);
        let _second = TcpStream::connect(door.address).await.unwrap();
        assert!(door.accepted.recv().await.is_some());
    }

    #[tokio::test]
    async fn one_connection_of_an_address_too_many_gets_a_429() {
        let limits = Limits {
            connections_per_ip: 1,
            ..Limits::default()
        };
        let mut door = open(&limits);
        let _first = TcpStream::connect(door.address).await.unwrap();
        let (_stream, permits) = door.accepted.recv().await.unwrap();
        drop(permits.pending);
        let refusal = answer(door.address).await;
        assert!(refusal.starts_with("HTTP/1.1 429 "), "{refusal}");
        assert!(refusal.contains(r#""error":"too_many_attempts""#));

        drop(permits.visitor);
        let _second = TcpStream::connect(door.address).await.unwrap();
        assert!(door.accepted.recv().await.is_some());
    }

    #[tokio::test]
    async fn stopping_closes_the_listener() {
        let door = open(&Limits::default());
        door.stop.send(true).unwrap();
        timeout(Duration::from_secs(5), door.task)
            .await
            .unwrap()
            .unwrap();
        assert!(TcpStream::connect(door.address).await.is_err());

        let door = open(&Limits::default());
        drop(door.stop);
        timeout(Duration::from_secs(5), door.task)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error() {
        let first = bind(LOCAL.parse().unwrap(), &Limits::default()).unwrap();
        let again = bind(first.local_addr().unwrap(), &Limits::default());
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
    }

    #[cfg(unix)]
    #[test]
    fn p11_only_errors_that_stay_make_it_wait() {
        for code in [
            libc::ECONNABORTED,
            libc::ECONNRESET,
            libc::EHOSTUNREACH,
            libc::EINTR,
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert!(concerns_one_connection(&error), "{error}");
        }
        for code in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EINVAL,
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert!(!concerns_one_connection(&error), "{error}");
        }
    }
}
