//! What a WebSocket message carries.

use std::fmt;

use bevy_reflect::prelude::*;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The content of one WebSocket message: text or binary. Cloning shares the bytes.
///
/// ```
/// use bevy_bouncer::Payload;
///
/// let hello = Payload::from("hello");
/// assert_eq!(hello.as_text(), Some("hello"));
/// let bytes = Payload::from(vec![1, 2, 3]);
/// assert_eq!(bytes.as_text(), None);
/// assert_eq!(bytes.as_bytes(), [1, 2, 3]);
/// ```
#[derive(Clone, PartialEq, Eq, Reflect)]
#[reflect(opaque)]
#[reflect(Debug, Clone, PartialEq)]
pub struct Payload(Content);

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Payload {
    /// The text, if this is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Content::Text(text) => Some(text.as_str()),
            Content::Binary(_) => None,
        }
    }

    /// Whether this is a text message.
    pub fn is_text(&self) -> bool {
        matches!(self.0, Content::Text(_))
    }

    /// The bytes of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Content::Text(text) => text.as_str().as_bytes(),
            Content::Binary(bytes) => bytes,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of either kind, shared.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Content::Text(text) => text.into(),
            Content::Binary(bytes) => bytes,
        }
    }

    pub(crate) fn from_text(text: Utf8Bytes) -> Self {
        Self(Content::Text(text))
    }
}

impl fmt::Debug for Payload {
    /// Shows the kind and the length only: what players write does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_text() { "Text" } else { "Binary" };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self::from_text(Utf8Bytes::from_static(text))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::from_text(text.into())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Binary(bytes))
    }
}
