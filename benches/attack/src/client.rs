//! Raw sockets, from any loopback address, and as much of the protocol as an attacker needs.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use attack::{KNOWN_USER, Keys};
use socket2::{Domain, Socket, Type};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const FINAL: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const PING: u8 = 0x9;
const CLOSE: u8 = 0x88;
/// More than anything that the target sends.
const LONGEST: u64 = 128 * 1024;

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
pub fn token(keys: Keys, name: &str) -> String {
    let token = keys.sign(&format!("{KNOWN_USER}{name}"));
    token.expect("the keys are good")
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

/// A frame of at most 64 KiB, masked with zeros.
pub fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match content.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        middle @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(content);
    frame
}

/// The first byte and the content of the next frame.
pub fn read_frame(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let [first, length] = read_array(stream)?;
    let length = match length {
        126 => u64::from(u16::from_be_bytes(read_array(stream)?)),
        127 => u64::from_be_bytes(read_array(stream)?),
        short => u64::from(short),
    };
    if length > LONGEST {
        return Err(io::Error::other("a frame that nobody asked for"));
    }
    let mut content = vec![0; length as usize];
    stream.read_exact(&mut content)?;
    Ok((first, content))
}

fn read_array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads on to the end, and says how it came: the close code, or `reset` or `end` without one.
pub fn read_to_close(stream: &mut impl Read) -> String {
    loop {
        match read_frame(stream) {
            Ok((CLOSE, content)) if content.len() >= 2 => {
                return u16::from_be_bytes([content[0], content[1]]).to_string();
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return "reset".into(),
            Err(_) => return "end".into(),
        }
    }
}
