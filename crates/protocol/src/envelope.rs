//! What is around a game's own messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A game's own message, from either end: `{"op": "move", "d": …}`.
///
/// ```
/// use bevy_bouncer_protocol::Envelope;
///
/// let envelope = Envelope { op: "move".into(), id: None, d: [1, 2] };
/// assert_eq!(serde_json::to_string(&envelope)?, r#"{"op":"move","d":[1,2]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a, T> {
    /// The name of the message, which is none of [`OPS`](crate::OPS).
    pub op: Cow<'a, str>,
    /// What the answer refers to, when a client wants one: 1 to
    /// [`REQUEST_ID_MAX_BYTES`](crate::REQUEST_ID_MAX_BYTES) bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// The content.
    pub d: T,
}
