//! Why a request was not done.

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a request was not done. The words are part of the protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

            /// The code with this word.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($word => Some(Self::$name),)*
                    _ => None,
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
    /// The filter does not answer, or has too much to do; or the node does not know yet what other nodes have decided.
    Unavailable = "unavailable",
    /// The token was not taken.
    BadToken = "bad_token",
    /// It holds, but could not be stored yet.
    NotStored = "not_stored",
    /// The content of a game's message does not fit.
    SchemaMismatch = "schema_mismatch",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.as_str()), Some(*code));
        }
        assert_eq!(ErrorCode::from_code("?"), None);
    }
}
