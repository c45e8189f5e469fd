//! A client's frames, taken apart where they lie.

use std::borrow::Cow;

use super::{
    Event, ReadError, ReadRules,
    header::{CLOSE, Header, PING, PartialHeader, Place, TEXT},
    mask::unmask,
    utf8::Utf8,
};

/// One client's stream so far: what of it is unfinished. See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    header: PartialHeader,
    frame: Option<OpenFrame>,
    /// The message that has begun and not ended, without what is in the buffer.
    message: Option<Box<OpenMessage>>,
    /// What has arrived of a control frame that is not whole.
    control: Vec<u8>,
    /// Frames that began since they were last counted.
    frames: usize,
    is_closed: bool,
}

/// A frame of which the header is known.
#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    header: Header,
    /// Bytes of its content so far. Not more than the rules allow.
    position: usize,
}

#[derive(Debug, Default)]
struct OpenMessage {
    is_text: bool,
    is_compressed: bool,
    utf8: Utf8,
    content: Vec<u8>,
}

impl Reader {
    /// Takes the next event off the start of the input, which is unmasked where it lies. `None` when all of the
    /// input is taken. After an error the stream means nothing, and after Close nothing is looked at.
    pub fn read<'a>(
        &mut self,
        rules: &ReadRules,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Event<'a>>, ReadError> {
        while !self.is_closed {
            if self.frame.is_none() && !self.read_header(rules, input)? {
                return Ok(None);
            }
            let Some(frame) = &mut self.frame else {
                return Ok(None);
            };
            let (header, position) = (frame.header, frame.position);
            // What the rules allow is a `usize`.
            let left = header.length as usize - position;
            let count = left.min(input.len());
            let (content, rest) = std::mem::take(input).split_at_mut(count);
            *input = rest;
            frame.position += content.len();
            let is_whole = content.len() == left;
            if is_whole {
                self.frame = None;
            }
            unmask(content, header.mask, position);
            let event = if header.is_data() {
                self.data(header, content, is_whole)?
            } else {
                self.control(header, content, is_whole)?
            };
            if event.is_some() || !is_whole {
                return Ok(event);
            }
        }
        *input = &mut [];
        Ok(None)
    }

    /// Whether a frame or a fragmented message has begun and not ended.
    pub fn is_unfinished(&self) -> bool {
        !self.header.is_empty() || self.frame.is_some() || self.message.is_some()
    }

    /// How many frames began since the last call: pings, fragments and empty continuations count as much as
    /// messages do.
    pub fn take_frames(&mut self) -> usize {
        std::mem::take(&mut self.frames)
    }

    /// False when the header is not whole.
    fn read_header(&mut self, rules: &ReadRules, input: &mut &mut [u8]) -> Result<bool, ReadError> {
        if input.is_empty() {
            return Ok(false);
        }
        self.frames += usize::from(self.header.is_empty());
        let place = Place {
            within_message: self.message.is_some(),
            compression: rules.compression,
        };
        let Some(header) = self.header.read(place, input)? else {
            return Ok(false);
        };
        let before = self.message.as_ref().map_or(0, |it| it.content.len());
        let room = (rules.max_message - before.min(rules.max_message)).min(rules.max_frame);
        let most = if header.is_data() {
            room
        } else {
            rules.max_frame
        };
        if header.length > most as u64 {
            return Err(ReadError::TooLong);
        }
        self.frame = Some(OpenFrame {
            header,
            position: 0,
        });
        Ok(true)
    }

    /// The next bytes of a message.
    fn data<'a>(
        &mut self,
        header: Header,
        content: &'a mut [u8],
        is_whole: bool,
    ) -> Result<Option<Event<'a>>, ReadError> {
        let ends = is_whole && header.is_final;
        if ends && self.message.is_none() {
            // The usual case: nothing is copied.
            let (is_text, is_compressed) = (header.opcode == TEXT, header.is_compressed);
            return event(is_text, is_compressed, Cow::Borrowed(content)).map(Some);
        }
        let message = self.message.get_or_insert_with(|| {
            Box::new(OpenMessage {
                is_text: header.opcode == TEXT,
                is_compressed: header.is_compressed,
                ..OpenMessage::default()
            })
        });
        if message.is_text && !message.is_compressed && !message.utf8.push(content) {
            return Err(ReadError::NotUtf8);
        }
        message.content.extend_from_slice(content);
        let Some(mut message) = self.message.take_if(|_| ends) else {
            return Ok(None);
        };
        message.content.shrink_to_fit();
        let OpenMessage {
            is_text,
            is_compressed,
            content,
            ..
        } = *message;
        event(is_text, is_compressed, Cow::Owned(content)).map(Some)
    }

    /// The next bytes of a control frame.
    fn control<'a>(
        &mut self,
        header: Header,
        content: &'a mut [u8],
        is_whole: bool,
    ) -> Result<Option<Event<'a>>, ReadError> {
        let content = if is_whole && self.control.is_empty() {
            Cow::Borrowed(&*content)
        } else {
            self.control.extend_from_slice(content);
            if !is_whole {
                if header.opcode == CLOSE {
                    check_close(&self.control, is_whole)?;
                }
                return Ok(None);
            }
            Cow::Owned(std::mem::take(&mut self.control))
        };
        Ok(Some(match header.opcode {
            CLOSE => {
                check_close(&content, is_whole)?;
                self.is_closed = true;
                Event::Close(content)
            }
            PING => Event::Ping(content),
            _ => Event::Pong,
        }))
    }
}

fn event(
    is_text: bool,
    is_compressed: bool,
    content: Cow<'_, [u8]>,
) -> Result<Event<'_>, ReadError> {
    Ok(match (is_compressed, is_text, content) {
        (true, is_text, content) => Event::Compressed { is_text, content },
        (false, false, content) => Event::Binary(content),
        (false, true, content) => Event::Text(text(content).ok_or(ReadError::NotUtf8)?),
    })
}

fn text(content: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match content {
        Cow::Borrowed(content) => str::from_utf8(content).ok().map(Cow::Borrowed),
        Cow::Owned(content) => String::from_utf8(content).ok().map(Cow::Owned),
    }
}

/// A Close has no content, or a code that may be sent and a text (§5.5.1), of which this is the beginning or all.
fn check_close(content: &[u8], is_whole: bool) -> Result<(), ReadError> {
    let Some((code, reason)) = content.split_first_chunk() else {
        return Ok(());
    };
    if !may_be_sent(u16::from_be_bytes(*code)) {
        return Err(ReadError::Protocol);
    }
    match str::from_utf8(reason) {
        Err(error) if is_whole || error.error_len().is_some() => Err(ReadError::NotUtf8),
        _ => Ok(()),
    }
}

/// Whether a Close may carry this code: those of §7.4.1 but for the three that are never sent, 1012 and
/// 1013 which were registered since, and the ranges of libraries and applications (§7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}
