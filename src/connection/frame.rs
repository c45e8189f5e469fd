//! Server frames, encoded once for all receivers (RFC 6455 §5.2; frames of a server are not masked).

use bytes::{BufMut, Bytes, BytesMut};

use crate::identity::Payload;

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;

/// A ping without content.
pub(crate) const PING: Bytes = Bytes::from_static(&[FINAL | 0x9, 0]);

/// One message as one finished frame.
pub(crate) fn encode(payload: &Payload) -> Bytes {
    let opcode = if payload.is_text() { TEXT } else { BINARY };
    let body = payload.as_bytes();
    let mut frame = BytesMut::with_capacity(body.len() + 10);
    frame.put_u8(FINAL | opcode);
    match body.len() {
        length @ 0..=125 => frame.put_u8(length as u8),
        length @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(length as u16);
        }
        length => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    frame.put_slice(body);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::{
        Message, WebSocket,
        protocol::{Role, WebSocketConfig},
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
        assert_eq!(read(PING), Message::Ping(Bytes::new()));
    }
}
