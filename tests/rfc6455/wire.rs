//! Frames as bytes, an echoing server, and a client that speaks in bytes.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::{Game, PATIENCE, Seen, token, upgrade};

pub const FINAL: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of either side.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: FIN, reserved bits and opcode.
    pub first: u8,
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.content[..self.content.len().min(20)];
        let (first, length) = (self.first, self.content.len());
        write!(f, "{first:#04x} {length} bytes {}", start.escape_ascii())
    }
}

pub fn frame(first: u8, content: impl AsRef<[u8]>) -> Frame {
    Frame {
        first,
        content: content.as_ref().to_vec(),
    }
}

pub fn text(content: impl AsRef<[u8]>) -> Frame {
    frame(FINAL | TEXT, content)
}

pub fn binary(content: impl AsRef<[u8]>) -> Frame {
    frame(FINAL | BINARY, content)
}

pub fn ping(content: impl AsRef<[u8]>) -> Frame {
    frame(FINAL | PING, content)
}

pub fn pong(content: impl AsRef<[u8]>) -> Frame {
    frame(FINAL | PONG, content)
}

pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(
        FINAL | CLOSE,
        [&code.to_be_bytes(), reason.as_ref()].concat(),
    )
}

/// A message in frames of these contents.
pub fn fragments<C: AsRef<[u8]>>(opcode: u8, contents: &[C]) -> Vec<Frame> {
    let last = contents.len() - 1;
    let frame_of = |(at, content): (usize, &C)| {
        let opcode = if at == 0 { opcode } else { CONTINUATION };
        frame(if at == last { FINAL | opcode } else { opcode }, content)
    };
    contents.iter().enumerate().map(frame_of).collect()
}

impl Frame {
    pub fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    /// As a client sends it.
    pub fn bytes(&self) -> Vec<u8> {
        let length = self.content.len();
        let form: &[u8] = match length {
            0..=125 => &[length as u8],
            126..=0xffff => &[&[126][..], &(length as u16).to_be_bytes()].concat(),
            _ => &[&[127][..], &(length as u64).to_be_bytes()].concat(),
        };
        self.with_length(form)
    }

    /// As a client sends it, with the length written like this.
    pub fn with_length(&self, form: &[u8]) -> Vec<u8> {
        let mut bytes = vec![self.first, 0x80 | form[0]];
        bytes.extend(&form[1..]);
        bytes.extend(MASK);
        let masked = self.content.iter().enumerate();
        bytes.extend(masked.map(|(at, byte)| byte ^ MASK[at % 4]));
        bytes
    }
}

/// Several frames as a client sends them.
pub fn bytes<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(Frame::bytes).collect()
}

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        outbox.send(frame.entity, frame.payload.clone()).unwrap();
    }
}

/// Starts a server that sends each message back. It ends with the process.
pub fn start(change: impl FnOnce(&mut Limits) + Send + 'static) -> SocketAddr {
    let (tell, address) = mpsc::channel();
    thread::spawn(move || {
        let mut game = Game::limited(|limits| {
            limits.inbound_frames_per_second = 1_000_000;
            limits.inbound_frames_burst = 1_000_000;
            limits.inbound_bytes_per_second = 1024 * 1024 * 1024;
            change(limits);
        });
        game.app.add_systems(bevy_app::Update, echo);
        tell.send(game.address).unwrap();
        loop {
            game.tick();
            game.world().resource_mut::<Seen>().frames.clear();
            thread::sleep(Duration::from_millis(1));
        }
    });
    address.recv().unwrap()
}

/// The server of most cases: the default limits, but for the rates.
pub fn server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| start(|_| ()))
}

/// A client after its 101.
pub struct RawClient(TcpStream);

impl RawClient {
    pub fn join(address: SocketAddr) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let user = format!("player-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let authorization = format!("Authorization: Bearer {}", token(&user));
        let request = upgrade(&[&authorization]);
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        Self(stream)
    }

    /// Writes in pieces of this many bytes. An error says that the server has gone.
    pub fn send(&mut self, bytes: &[u8], piece: usize) -> io::Result<()> {
        bytes
            .chunks(piece)
            .try_for_each(|piece| self.0.write_all(piece))
    }

    /// Another hand on the same connection.
    pub fn clone(&self) -> Self {
        Self(self.0.try_clone().unwrap())
    }

    /// The next frame, which must be in its one right form. `None` at the end.
    pub fn hear(&mut self) -> Option<Frame> {
        let mut start = [0; 2];
        match self.0.read_exact(&mut start) {
            Ok(()) => {}
            Err(error) if is_end(&error) => return None,
            Err(error) => panic!("nothing is heard: {error}"),
        }
        let [first, form] = start;
        assert_eq!(form & 0x80, 0, "a server does not mask");
        let length = match form {
            126 => {
                let length = u16::from_be_bytes(self.take());
                assert!(length > 125, "{length} is written too long");
                u64::from(length)
            }
            127 => {
                let length = u64::from_be_bytes(self.take());
                assert!(length > 0xffff, "{length} is written too long");
                length
            }
            short => u64::from(short),
        };
        let mut content = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut content).unwrap();
        Some(Frame { first, content })
    }

    /// Whether nothing is heard for a moment.
    pub fn is_quiet(&mut self) -> bool {
        let moment = Duration::from_millis(30);
        self.0.set_read_timeout(Some(moment)).unwrap();
        let heard = self.0.peek(&mut [0]);
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        heard
            .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// A reset is an end as well: the kernel sends one when bytes came that nobody reads any more.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    )
}
