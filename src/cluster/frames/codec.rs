//! A frame as bytes: the length of its header (two bytes, big endian), the header in JSON, and the payload.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Audience;
use crate::{cluster::backplane::NodeId, identity::Payload};

/// Longest header: a name, a user id, and what is around them, all escaped.
pub(super) const HEADER_MAX: usize = 4096;

/// What a frame says beside its payload.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub node: NodeId,
    pub name: Arc<str>,
    /// Counts the frames of one node.
    pub number: u64,
    pub audience: Audience,
    /// Whether the payload is text.
    pub text: bool,
}

/// `None` when the header is too long.
pub(super) fn encode(header: &Header, payload: &Payload) -> Option<Bytes> {
    let header = serde_json::to_vec(header).ok()?;
    let length = u16::try_from(header.len()).ok()?;
    if header.len() > HEADER_MAX {
        return None;
    }
    let mut frame = BytesMut::with_capacity(2 + header.len() + payload.len());
    frame.put_u16(length);
    frame.put_slice(&header);
    frame.put_slice(payload.as_bytes());
    Some(frame.freeze())
}

/// `None` when this is not a frame.
pub(super) fn decode(mut frame: Bytes) -> Option<(Header, Payload)> {
    let length = usize::from(u16::from_be_bytes([*frame.first()?, *frame.get(1)?]));
    if length > HEADER_MAX || frame.len() < 2 + length {
        return None;
    }
    let payload = frame.split_off(2 + length);
    let header: Header = serde_json::from_slice(&frame[2..]).ok()?;
    let payload = if header.text {
        Payload::from_text(Utf8Bytes::try_from(payload).ok()?)
    } else {
        Payload::from(payload)
    };
    Some((header, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::UserId;

    fn header(number: u64, text: bool) -> Header {
        Header {
            node: NodeId("0123456789abcdef".into()),
            name: "eu-1".into(),
            number,
            audience: Audience::User(UserId::new("ann").unwrap()),
            text,
        }
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        for payload in [Payload::from("grüße"), Payload::from(vec![0, 255, 1])] {
            let frame = encode(&header(7, payload.is_text()), &payload).unwrap();
            let (header, read) = decode(frame).unwrap();
            assert_eq!((header.number, read), (7, payload));
        }
    }

    #[test]
    fn what_is_not_a_frame_is_none() {
        let good = encode(&header(1, true), &Payload::from("hi")).unwrap();
        let header_end = good.len() - 2;
        for length in 0..header_end {
            assert!(decode(good.slice(..length)).is_none(), "{length} bytes");
        }
        let not_text = encode(&header(1, true), &Payload::from(vec![0xff])).unwrap();
        assert!(decode(not_text).is_none());
        assert!(decode(Bytes::from_static(&[0xff; 100])).is_none());
    }
}
