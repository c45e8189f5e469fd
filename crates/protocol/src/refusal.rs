//! Why there is no connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::advice::Advice;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:literal $word:literal $message:literal,)*) => {
        /// The classes of refusal, each with one HTTP status and one `error` word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RefusalKind {
            $($(#[$doc])* $name,)*
        }

        impl RefusalKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The HTTP status code (RFC 9110 §15).
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            /// The word in the `error` member of the answer.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What the client reads when the server has nothing better to say.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }

            /// The kind with this word in the `error` member.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

refusals! {
    /// 400: the request is malformed.
    BadRequest = 400 "bad_request" "the request is malformed",
    /// 401: no valid credential. One identical answer for every reason.
    Unauthorized = 401 "unauthorized" "a valid token is required",
    /// 403: the `Origin` is not on the list.
    OriginNotAllowed = 403 "origin_not_allowed" "connections from this site are not allowed",
    /// 403: the game does not want this player now.
    Forbidden = 403 "forbidden" "this player may not join",
    /// 403: the user is banned.
    Banned = 403 "banned" "this player is banned",
    /// 404: there is nothing at this path.
    NotFound = 404 "not_found" "there is nothing here",
    /// 405: the method is not `GET`.
    MethodNotAllowed = 405 "method_not_allowed" "only GET is allowed",
    /// 408: the client took too long.
    Timeout = 408 "timeout" "the request took too long",
    /// 409: the user is already connected and duplicates are rejected.
    AlreadyConnected = 409 "already_connected" "this player is already connected",
    /// 426: not a WebSocket upgrade, or not version 13.
    UpgradeRequired = 426 "upgrade_required" "a WebSocket upgrade (version 13) is required",
    /// 429: too many attempts from this address, or too many replacements of this user.
    TooManyAttempts = 429 "too_many_attempts" "too many attempts, try again later",
    /// 431: the request head is too large.
    HeadTooLarge = 431 "head_too_large" "the request head is too large",
    /// 503: no room for another player.
    Capacity = 503 "capacity" "the server is full",
    /// 503: the server is about to stop.
    Draining = 503 "draining" "the server is about to stop",
    /// 503: something that the check needs did not answer.
    Unavailable = 503 "unavailable" "the server cannot check players right now",
}

impl RefusalKind {
    /// What a client does about it.
    pub const fn advice(self) -> Advice {
        Advice::for_http_status(self.status())
    }
}

/// The JSON body of a refusal.
///
/// ```
/// use bevy_bouncer_protocol::{Advice, RefusalBody};
///
/// let body = r#"{"error": "capacity", "message": "the server is full", "retry_after_ms": 2000}"#;
/// let refusal: RefusalBody = serde_json::from_str(body)?;
/// assert_eq!(refusal.kind().map(|kind| kind.advice()), Some(Advice::Reconnect));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBody<'a> {
    /// [`RefusalKind::code`].
    pub error: Cow<'a, str>,
    /// Words for the player.
    pub message: Cow<'a, str>,
    /// When the client may try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl RefusalBody<'_> {
    /// The class of the refusal, if it is one that this version knows. The HTTP status says what to do about the
    /// others: [`Advice::for_http_status`].
    pub fn kind(&self) -> Option<RefusalKind> {
        RefusalKind::from_code(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again_and_every_status_says_what_to_do() {
        for kind in RefusalKind::ALL {
            assert_eq!(RefusalKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(RefusalKind::from_code("teapot"), None);
        assert_eq!(RefusalKind::Unauthorized.advice(), Advice::NewToken);
        assert_eq!(RefusalKind::AlreadyConnected.advice(), Advice::Reconnect);
        assert_eq!(RefusalKind::Banned.advice(), Advice::Stop);
    }

    #[test]
    fn a_body_leaves_out_the_time_that_it_does_not_have() {
        let body = RefusalBody {
            error: "banned".into(),
            message: "cheating".into(),
            retry_after_ms: None,
        };
        let json = serde_json::to_string(&body).unwrap();
        assert_eq!(json, r#"{"error":"banned","message":"cheating"}"#);
        assert_eq!(serde_json::from_str::<RefusalBody>(&json).unwrap(), body);
    }
}
