//! Server frames, encoded once for all receivers (RFC 6455 §5.2; frames of a server are not masked).

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{BINARY, CLOSE, CONTROL_MAX, PING as PING_CODE, PONG, TEXT};
use crate::identity::Payload;

const FINAL: u8 = 0x80;
/// Longest header of a server's frame: two bytes, eight of length.
pub(crate) const HEADER_MAX: usize = 10;

/// A ping without content.
pub(crate) const PING: Bytes = Bytes::from_static(&[FINAL | PING_CODE, 0]);

/// One message as one finished frame.
pub(crate) fn encode(payload: &Payload) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_MAX + payload.len());
    put(payload, &mut frame);
    frame.freeze()
}

/// Appends one message as one finished frame.
pub(crate) fn put(payload: &Payload, frames: &mut BytesMut) {
    let opcode = if payload.is_text() { TEXT } else { BINARY };
    put_frame(opcode, payload.as_bytes(), frames);
}

/// The answer to a ping of this content.
pub(crate) fn pong(content: &[u8]) -> Bytes {
    control(PONG, content)
}

/// The answer to a Close of this content.
pub(crate) fn answer_close(content: &[u8]) -> Bytes {
    control(CLOSE, content)
}

/// A Close. The reason is at most 123 bytes long.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    debug_assert!(reason.len() + 2 <= usize::from(CONTROL_MAX));
    answer_close(&[&code.to_be_bytes(), reason.as_bytes()].concat())
}

fn control(opcode: u8, content: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_MAX + content.len());
    put_frame(opcode, content, &mut frame);
    frame.freeze()
}

fn put_frame(opcode: u8, content: &[u8], frames: &mut BytesMut) {
    frames.put_u8(FINAL | opcode);
    match content.len() {
        length @ 0..=125 => frames.put_u8(length as u8),
        length @ 126..=0xffff => {
            frames.put_u8(126);
            frames.put_u16(length as u16);
        }
        length => {
            frames.put_u8(127);
            frames.put_u64(length as u64);
        }
    }
    frames.put_slice(content);
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::{
        Message, WebSocket,
        protocol::{CloseFrame, Role, WebSocketConfig},
    };

    use super::*;

    fn read(frame: Bytes) -> Message {
        let stream = std::io::Cursor::new(frame.to_vec());
        WebSocket::from_raw_socket(stream, Role::Client, Some(WebSocketConfig::default()))
            .read()
            .unwrap()
    }

    #[test]
    fn every_length_form_is_read_back_whole() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let text = "x".repeat(length);
            assert_eq!(
                read(encode(&Payload::from(text.clone()))),
                Message::text(text)
            );
            let bytes = vec![7; length];
            assert_eq!(
                read(encode(&Payload::from(bytes.clone()))),
                Message::binary(bytes)
            );
        }
    }

    #[test]
    fn control_frames_are_read_back() {
        assert_eq!(read(PING), Message::Ping(Bytes::new()));
        assert_eq!(read(pong(b"content")), Message::Pong("content".into()));
        let reason = "x".repeat(123);
        let frame = CloseFrame {
            code: 4101.into(),
            reason: reason.clone().into(),
        };
        assert_eq!(read(close(4101, &reason)), Message::Close(Some(frame)));
        assert_eq!(read(answer_close(b"")), Message::Close(None));
    }
}
