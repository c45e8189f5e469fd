//! A token in a message.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A token on its way to the server. Its `Debug` shows nothing of it, so that logs may show messages.
///
/// ```
/// use bevy_bouncer_protocol::Token;
///
/// let token = Token::from("eyJ…");
/// assert_eq!(token.expose(), "eyJ…");
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// The token itself. Do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Token {
    fn from(token: T) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
