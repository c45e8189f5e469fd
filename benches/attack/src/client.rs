//! Raw sockets, from any loopback address, and as much of the protocol as an attacker needs.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use attack::{KNOWN_USER, SECRET};
use bevy_bouncer::{TokenIssuer, UserId};
use socket2::{Domain, Socket, Type};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const FINAL: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const PING: u8 = 0x9;

/// The address with this number in `127.block.x.y`.
pub fn loopback(block: u8, number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, block, (number >> 8) as u8, number as u8)
}

/// Connects from this address.
pub fn connect(
    from: Ipv4Addr,
    to: SocketAddr,
    receive_buffer: Option<usize>,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// A good token of the user with this name.
pub fn token(name: &str) -> String {
    let user = UserId::new(format!("{KNOWN_USER}{name}"));
    let tokens = TokenIssuer::hs256(SECRET);
    let (user, tokens) = (user.expect("a valid id"), tokens.expect("a long secret"));
    tokens.issue(&user).expect("a token")
}

/// The head of an upgrade.
pub fn upgrade(token: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )
}

/// Logs in on this connection.
///
/// # Errors
/// Also when the answer is not the 101.
pub fn enter(stream: TcpStream, token: &str) -> io::Result<BufReader<TcpStream>> {
    let mut stream = BufReader::with_capacity(8192, stream);
    stream.get_mut().write_all(upgrade(token).as_bytes())?;
    let mut status = String::new();
    stream.read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 101") {
        return Err(io::Error::other(status));
    }
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(stream)
}

/// A frame of at most 125 bytes, masked with zeros.
pub fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | content.len() as u8, 0, 0, 0, 0], content].concat()
}

/// The first byte and the content of the next frame.
pub fn read_frame(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let length = match start[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            usize::from(u16::from_be_bytes(length))
        }
        127 => return Err(io::Error::other("a frame that nobody asked for")),
        short => usize::from(short),
    };
    let mut content = vec![0; length];
    stream.read_exact(&mut content)?;
    Ok((start[0], content))
}
