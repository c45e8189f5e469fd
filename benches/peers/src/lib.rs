//! What all servers of the comparison share: arguments, the core they run on, the commands of the
//! script that starts them, and what they cost.
//!
//! A server prints `{"port":…}` and then obeys lines on its standard input, each answered with one
//! line of JSON: `usage` (CPU and memory so far), `go` (broadcasts, then says what that cost), and
//! `frames` where there are any. It ends with its standard input.

mod arguments;
mod broadcast;
mod commands;
mod process;
mod tokens;

pub use arguments::Arguments;
pub use broadcast::{Broadcast, Pace, wait_until_idle};
pub use commands::{Command, Commands, say};
pub use process::{Usage, monotonic, pin, raise_descriptor_limit, thread_cpu};

pub use tokens::Tokens;

/// The core of the servers. The load has the other one.
pub const SERVER_CORE: usize = 0;
/// The core of the load.
pub const LOAD_CORE: usize = 1;
/// The secret of all tokens (HS256).
pub const SECRET: &str = "a secret of the benchmark, 32 bytes or longer";
/// The audience of all tokens.
pub const AUDIENCE: &str = "game";
/// Length of a message in bytes.
pub const MESSAGE_BYTES: usize = 64;
/// A fixed answer to any handshake.
pub const FIXED_101: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The id of a user that exists on every server.
pub fn user_id(number: usize) -> String {
    format!("player-{number}")
}

/// Digits of a time stamp at the start of a message.
pub const STAMP_BYTES: usize = 20;

/// The text with the time of now at its start.
pub fn stamped(text: &str) -> String {
    format!("{:0>STAMP_BYTES$}{}", monotonic(), &text[STAMP_BYTES..])
}
