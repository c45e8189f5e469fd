//! One client.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use mio::{Interest, Registry, Token, net::TcpStream};
use socket2::{Domain, Socket, Type};

use crate::frames::{Frames, Seen};

/// Clients with the same source address.
const CLIENTS_PER_ADDRESS: usize = 250;
/// The receive buffer of a client that does not read.
const STALLED_BUFFER_BYTES: usize = 4096;
const PONG: &[u8] = &[0x8a, 0x80, 0, 0, 0, 0];
/// `3`, a pong of engine.io, masked with zeros.
const HEARTBEAT: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, b'3'];
/// `40`, the wish for the main namespace of socket.io, masked with zeros.
const NAMESPACE: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'4', b'0'];

/// What is spoken above WebSocket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing.
    Plain,
    /// socket.io (revision 5, over engine.io revision 4).
    SocketIo,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Connecting,
    Head,
    /// So many greetings are still to come.
    Greeting(u64),
    In,
    Refused,
}

/// What an event has led to.
#[derive(Default)]
pub struct Progress {
    /// Just now it got in.
    pub entered: bool,
    /// Just now it was refused with this status; 0 when the server said nothing.
    pub refused: Option<u16>,
    /// Bytes read.
    pub bytes: u64,
    /// Messages of the broadcast.
    pub messages: u64,
    /// When these were sent, as far as they say so.
    pub stamps: Vec<u64>,
    /// Just now the server ended it.
    pub lost: bool,
}

/// One client.
pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    head: Vec<u8>,
    frames: Frames,
    phase: Phase,
    protocol: Protocol,
}

impl Connection {
    /// Starts to connect, from one of many loopback addresses.
    pub fn open(
        number: usize,
        server: SocketAddr,
        request: Vec<u8>,
        protocol: Protocol,
        registry: &Registry,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let address = number / CLIENTS_PER_ADDRESS;
        let from = Ipv4Addr::new(127, 0, 1 + (address / 250) as u8, 2 + (address % 250) as u8);
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(115) => return Err(error), // EINPROGRESS
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(
            &mut stream,
            Token(number),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(Self {
            stream,
            request,
            head: Vec::new(),
            frames: Frames::default(),
            phase: Phase::Connecting,
            protocol,
        })
    }

    /// Reads nothing more, and has little room for what comes.
    pub fn stall(&mut self, registry: &Registry) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(STALLED_BUFFER_BYTES)?;
        registry.deregister(&mut self.stream)
    }

    /// Does what the socket is ready for.
    pub fn ready(&mut self, writable: bool, buffer: &mut [u8]) -> Progress {
        let mut progress = Progress::default();
        if writable && self.phase == Phase::Connecting {
            let request = std::mem::take(&mut self.request);
            // A request fits into any fresh send buffer.
            if !matches!(self.stream.write(&request), Ok(count) if count == request.len()) {
                self.end(&mut progress);
                return progress;
            }
            self.phase = Phase::Head;
        }
        while self.phase != Phase::Refused {
            match self.stream.read(buffer) {
                Ok(count) if count > 0 => {
                    progress.bytes += count as u64;
                    self.received(&buffer[..count], &mut progress);
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.end(&mut progress);
                    break;
                }
            }
        }
        progress
    }

    fn end(&mut self, progress: &mut Progress) {
        progress.lost = self.phase == Phase::In;
        if !progress.lost {
            progress.refused = Some(0);
        }
        self.phase = Phase::Refused;
    }

    fn received(&mut self, bytes: &[u8], progress: &mut Progress) {
        if self.phase != Phase::Head {
            return self.messages(bytes, progress);
        }
        self.head.extend_from_slice(bytes);
        let end = self.head.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { return };
        let head = std::mem::take(&mut self.head);
        let status = head
            .get(9..12)
            .and_then(|code| str::from_utf8(code).ok()?.parse().ok());
        if status != Some(101) {
            self.phase = Phase::Refused;
            progress.refused = Some(status.unwrap_or(0));
            return;
        }
        match self.protocol {
            Protocol::Plain => {
                self.phase = Phase::In;
                progress.entered = true;
            }
            Protocol::SocketIo => self.phase = Phase::Greeting(2),
        }
        self.messages(&head[end + 4..], progress);
    }

    fn messages(&mut self, bytes: &[u8], progress: &mut Progress) {
        let seen = self.frames.feed(bytes, self.phase == Phase::In);
        progress.messages += seen.messages;
        progress.stamps.extend(&seen.stamps);
        self.answer(&seen);
        if let Phase::Greeting(left) = self.phase
            && seen.others > 0
            && !seen.refused
        {
            let left = left.saturating_sub(seen.others);
            if left == 0 {
                self.phase = Phase::In;
                progress.entered = true;
            } else {
                self.phase = Phase::Greeting(left);
                self.write(NAMESPACE);
            }
        }
        if seen.closes > 0 || seen.refused {
            self.end(progress);
        }
    }

    fn answer(&mut self, seen: &Seen) {
        if seen.pings > 0 {
            self.write(PONG);
        }
        if seen.heartbeats > 0 {
            self.write(HEARTBEAT);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // These few bytes fit into the send buffer of a client that sends nothing else.
        let _ = self.stream.write(bytes);
    }
}
