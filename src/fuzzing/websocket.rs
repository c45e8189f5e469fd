//! A client's WebSocket stream in pieces.

use crate::{
    config::Limits,
    identity::Payload,
    websocket::{Event, ReadRules, Reader},
};

/// What a stream means.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The messages, in order.
    pub messages: Vec<Payload>,
    /// The contents of the pings, in order.
    pub pings: Vec<Vec<u8>>,
    /// The content of the Close.
    pub close: Option<Vec<u8>>,
    /// How many frames began.
    pub frames: usize,
    /// Whether a rule was broken.
    pub is_broken: bool,
    /// Whether it ends within a message or a frame.
    pub is_unfinished: bool,
}

/// Reads a stream that comes in these pieces.
pub fn read<'a>(limits: &Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Stream {
    let rules = ReadRules::new(limits.max_frame_bytes, limits.max_message_bytes);
    let mut reader = Reader::default();
    let mut stream = Stream::default();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        loop {
            let event = reader.read(&rules, &mut input);
            stream.frames += reader.take_frames();
            match event {
                Ok(Some(Event::Text(text))) => {
                    stream.messages.push(text.into_owned().into());
                }
                Ok(Some(Event::Binary(content))) => {
                    stream.messages.push(content.into_owned().into());
                }
                Ok(Some(Event::Compressed { .. })) => unreachable!("it was not negotiated"),
                Ok(Some(Event::Ping(content))) => stream.pings.push(content.into_owned()),
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(content))) => stream.close = Some(content.into_owned()),
                Ok(None) => break,
                Err(_) => {
                    stream.is_broken = true;
                    return stream;
                }
            }
        }
    }
    stream.is_unfinished = reader.is_unfinished();
    stream
}
