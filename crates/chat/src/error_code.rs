//! Why a request was not done.

use std::time::Duration;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a request was not done. The words are part of the protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in the protocol.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

error_codes! {
    /// Not JSON, or a field that is missing, too long or of the wrong type.
    BadRequest = "bad_request",
    /// There is no such op.
    UnknownOp = "unknown_op",
    /// There is no such room, or it is not for this player.
    UnknownRoom = "unknown_room",
    /// The player is not in the room.
    NotInRoom = "not_in_room",
    /// No more rooms for this player, no more members in this room, or no more users who can be remembered.
    Full = "full",
    /// Not allowed: by rank, or by the room's own rules.
    Forbidden = "forbidden",
    /// There is no such user here.
    UnknownUser = "unknown_user",
    /// There is no such message any more.
    UnknownMessage = "unknown_message",
    /// Nothing but white space.
    EmptyText = "empty_text",
    /// Longer than the limit.
    TextTooLong = "text_too_long",
    /// Control characters, or such that turn the direction of text.
    ForbiddenCharacters = "forbidden_characters",
    /// Too fast, or too many long answers.
    RateLimited = "rate_limited",
    /// Muted.
    Muted = "muted",
    /// The room's slow mode.
    SlowMode = "slow_mode",
    /// The room is frozen.
    Frozen = "frozen",
    /// The game or its filter did not let it pass.
    Refused = "refused",
    /// The filter does not answer, or has too much to do.
    Unavailable = "unavailable",
    /// The token was not taken.
    BadToken = "bad_token",
    /// It holds, but could not be stored yet.
    NotStored = "not_stored",
    /// The content of a game's message does not fit.
    SchemaMismatch = "schema_mismatch",
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
}
