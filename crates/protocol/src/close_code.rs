//! Why a connection ended.

use crate::advice::Advice;

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal $word:literal,)*) => {
        /// Why a connection ended: a number, and a word at the start of the close frame's reason.
        ///
        /// The numbers are in ranges that say what a client does: see [`Advice::for_close_code`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum CloseCode {
            $($(#[$doc])* $name,)*
        }

        impl CloseCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in the close frame.
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// The word at the start of the close frame's reason.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The code with this number.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

close_codes! {
    /// 1000: the client closed the connection in order.
    ClientClosed = 1000 "client_closed",
    /// 1001: the app exits.
    Shutdown = 1001 "shutdown",
    /// 1002: the client broke the WebSocket protocol.
    ProtocolError = 1002 "protocol_error",
    /// 1007: a text message was not UTF-8.
    InvalidText = 1007 "invalid_text",
    /// 1009: a frame or message was too long.
    MessageTooBig = 1009 "message_too_big",
    /// 1011: a fault of the server.
    InternalError = 1011 "internal_error",
    /// 4000: the server is about to stop.
    Draining = 4000 "draining",
    /// 4001: the client read too slowly.
    SlowConsumer = 4001 "slow_consumer",
    /// 4002: the client did not answer pings.
    HeartbeatTimeout = 4002 "heartbeat_timeout",
    /// 4003: the client sent too much for too long.
    RateLimited = 4003 "rate_limited",
    /// 4004: the game or the operator sent the player away.
    Kicked = 4004 "kicked",
    /// 4006: the server is overloaded.
    Overloaded = 4006 "overloaded",
    /// 4100: the token expired.
    TokenExpired = 4100 "token_expired",
    /// 4101: the token or its user was revoked.
    Revoked = 4101 "token_revoked",
    /// 4400: the client broke the application's protocol.
    BadProtocol = 4400 "bad_protocol",
    /// 4403: the user was banned.
    Banned = 4403 "banned",
    /// 4404: the user does not exist any more.
    UserGone = 4404 "user_gone",
    /// 4409: the same user connected again.
    Replaced = 4409 "replaced",
    /// 4410: a refresh token of another user.
    RefreshUserMismatch = 4410 "refresh_user_mismatch",
    /// 4411: it is over, and nobody is accused: the match has ended, the trial time is up.
    Finished = 4411 "finished",
}

impl CloseCode {
    /// What a client does about it.
    pub const fn advice(self) -> Advice {
        Advice::for_close_code(self.number())
    }
}

/// A close code of the game's own. The word in the close frame's reason is `game`; the words for the player follow.
///
/// ```
/// use bevy_bouncer_protocol::{Advice, GameCode};
///
/// const MAP_CHANGES: GameCode = GameCode::new(4050).unwrap();
/// const LEVEL_TOO_LOW: GameCode = GameCode::new(4450).unwrap();
///
/// assert_eq!(MAP_CHANGES.advice(), Advice::Reconnect);
/// assert_eq!(LEVEL_TOO_LOW.advice(), Advice::Stop);
/// assert_eq!(GameCode::new(4403), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GameCode(u16);

impl GameCode {
    /// The word at the start of the close frame's reason.
    pub const WORD: &str = "game";

    /// A code that asks the client to come back, 4050–4099, or to stop until the user acts, 4450–4499. `None` for any
    /// other number.
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            4050..=4099 | 4450..=4499 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number in the close frame.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What a client does about it.
    pub const fn advice(self) -> Advice {
        Advice::for_close_code(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_found_again_and_is_in_a_range_that_says_what_to_do() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(*code));
        }
        assert_eq!(CloseCode::from_number(4005), None);
        assert_eq!(CloseCode::Shutdown.advice(), Advice::Reconnect);
        assert_eq!(CloseCode::ProtocolError.advice(), Advice::Stop);
        assert_eq!(CloseCode::Kicked.advice(), Advice::Reconnect);
        assert_eq!(CloseCode::Revoked.advice(), Advice::NewToken);
        assert_eq!(CloseCode::Replaced.advice(), Advice::Stop);
        assert_eq!(CloseCode::Finished.advice(), Advice::Stop);
    }

    #[test]
    fn a_game_has_numbers_of_its_own_in_two_ranges() {
        for number in 0..=u16::MAX {
            let advice = GameCode::new(number).map(GameCode::advice);
            let expected = match number {
                4050..=4099 => Some(Advice::Reconnect),
                4450..=4499 => Some(Advice::Stop),
                _ => None,
            };
            assert_eq!(advice, expected, "{number}");
            if advice.is_some() {
                assert_eq!(CloseCode::from_number(number), None, "{number}");
            }
        }
    }
}
