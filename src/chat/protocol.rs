//! `bouncer.v1`: what clients and the server say, as JSON in text messages.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::User;

/// The name of the subprotocol.
pub const SUBPROTOCOL: &str = "bouncer.v1";
/// Longest id that a client gives to what it sends, in bytes.
pub(super) const ID_BYTES: usize = 64;
/// Longest name of a room, in bytes.
pub(super) const ROOM_BYTES: usize = 64;

/// What a client asks for. Unknown fields are ignored.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Request {
    pub op: String,
    pub id: Option<String>,
    pub room: Option<String>,
    pub to: Option<String>,
    pub user: Option<String>,
    pub seq: Option<u64>,
    pub after: Option<u64>,
    pub before: Option<u64>,
    pub seconds: Option<u64>,
    pub reason: Option<String>,
    pub on: Option<bool>,
    pub token: Option<String>,
    #[serde(default)]
    pub d: Body,
}

/// The content of a message.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub(super) struct Body {
    #[serde(default)]
    pub text: String,
}

/// Why a request was not done. The names are part of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not JSON, or a field of the wrong type or length.
    BadRequest,
    /// There is no such op.
    UnknownOp,
    /// There is no such room, or it is not for this player.
    UnknownRoom,
    /// The player is not in the room.
    NotInRoom,
    /// The room, or the number of rooms, is full.
    Full,
    /// Not allowed.
    Forbidden,
    /// There is no such user, as far as this player may know.
    UnknownUser,
    /// There is no such message.
    UnknownMessage,
    /// Nothing but white space.
    EmptyText,
    /// Longer than the limit.
    TextTooLong,
    /// Control characters, or such that turn the direction of text.
    ForbiddenCharacters,
    /// Too fast; again in `retry_ms`.
    RateLimited,
    /// Muted, for another `retry_ms` where that is known.
    Muted,
    /// The room's slow mode; again in `retry_ms`.
    SlowMode,
    /// The room is frozen.
    Frozen,
    /// The game did not let it pass.
    Refused,
    /// The token was not taken.
    BadToken,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::UnknownOp,
        Self::UnknownRoom,
        Self::NotInRoom,
        Self::Full,
        Self::Forbidden,
        Self::UnknownUser,
        Self::UnknownMessage,
        Self::EmptyText,
        Self::TextTooLong,
        Self::ForbiddenCharacters,
        Self::RateLimited,
        Self::Muted,
        Self::SlowMode,
        Self::Frozen,
        Self::Refused,
        Self::BadToken,
    ];

    /// The name in the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownOp => "unknown_op",
            Self::UnknownRoom => "unknown_room",
            Self::NotInRoom => "not_in_room",
            Self::Full => "full",
            Self::Forbidden => "forbidden",
            Self::UnknownUser => "unknown_user",
            Self::UnknownMessage => "unknown_message",
            Self::EmptyText => "empty_text",
            Self::TextTooLong => "text_too_long",
            Self::ForbiddenCharacters => "forbidden_characters",
            Self::RateLimited => "rate_limited",
            Self::Muted => "muted",
            Self::SlowMode => "slow_mode",
            Self::Frozen => "frozen",
            Self::Refused => "refused",
            Self::BadToken => "bad_token",
        }
    }
}

/// A refusal, with the time after which it may be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    pub code: ErrorCode,
    pub retry: Option<Duration>,
}

impl From<ErrorCode> for Denied {
    fn from(code: ErrorCode) -> Self {
        Self { code, retry: None }
    }
}

impl Denied {
    pub fn after(code: ErrorCode, retry: Duration) -> Self {
        Self {
            code,
            retry: Some(retry),
        }
    }

    /// The answer to the request with this id.
    pub fn answer(&self, re: Option<&str>) -> Value {
        let mut answer = json!({"op": "err", "re": re, "code": self.code.as_str()});
        if let Some(retry) = self.retry {
            answer["retry_ms"] = milliseconds(retry).into();
        }
        answer
    }
}

/// Rounded up, so that it is over then.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Who said something.
pub(super) fn from(user: &User) -> Value {
    json!({"id": user.id().as_str(), "name": user.name()})
}

/// Reads a request.
pub(super) fn parse(text: &str) -> Result<Request, ErrorCode> {
    let request: Request = serde_json::from_str(text).map_err(|_| ErrorCode::BadRequest)?;
    let fits = |field: &Option<String>, most: usize| {
        field
            .as_ref()
            .is_none_or(|value| !value.is_empty() && value.len() <= most)
    };
    match fits(&request.id, ID_BYTES) && fits(&request.room, ROOM_BYTES) {
        true => Ok(request),
        false => Err(ErrorCode::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_unknown_fields_are_ignored() {
        let request =
            parse(r#"{"op":"chat.send","id":"c1","room":"a","d":{"text":"hi","x":1},"y":[]}"#);
        let request = request.unwrap();
        assert_eq!((request.op.as_str(), request.d.text.as_str()), ("chat.send", "hi"));
        let long = "x".repeat(65);
        for bad in [
            "hello",
            "[]",
            r#"{"id":"a"}"#,
            r#"{"op":1}"#,
            r#"{"op":"a","id":""}"#,
            &format!(r#"{{"op":"a","id":"{long}"}}"#),
            &format!(r#"{{"op":"a","room":"{long}"}}"#),
            r#"{"op":"a","seq":-1}"#,
        ] {
            assert_eq!(parse(bad), Err(ErrorCode::BadRequest), "{bad}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
    }
}
