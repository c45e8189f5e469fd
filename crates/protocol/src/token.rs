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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientMessage;

    const SECRET: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";

    #[test]
    fn p12_what_shows_a_token_or_its_message_shows_nothing_of_it() {
        let message = serde_json::json!({"op": "auth.refresh", "id": "r", "token": SECRET});
        let message: ClientMessage = serde_json::from_value(message).unwrap();
        let ClientMessage::AuthRefresh { token } = &message else {
            panic!("another message");
        };
        assert_eq!(token.expose(), SECRET, "it is there");
        for shown in [
            format!("{token:?}"),
            format!("{token:#?}"),
            format!("{message:?}"),
            format!("{:#?}", Some(&message)),
        ] {
            assert!(
                SECRET.split('.').all(|part| !shown.contains(part)),
                "{shown}"
            );
        }
    }

    #[test]
    fn p12_an_error_about_a_token_shows_nothing_of_it() {
        for wrong in [
            serde_json::json!([SECRET]),
            serde_json::json!({ "token": SECRET }),
        ] {
            let error = serde_json::from_value::<Token>(wrong).unwrap_err();
            assert!(!error.to_string().contains("eyJ"), "{error}");
        }
    }
}
