//! Why a session ended, and the close code that says so to the client.

use std::{fmt, sync::Arc, time::Duration};

pub use bevy_bouncer_protocol::GameCode;
use bevy_bouncer_protocol::{Advice, CloseCode};
use bevy_bouncer_text::clean_line;
use bevy_reflect::prelude::*;

use super::{Refusal, RefusalKind};

/// Why a player left. Each reason has one close code (RFC 6455 §7.4).
///
/// 4000–4099 ask the client to back off and reconnect, 4100–4199 to get a new token first, 4400–4499
/// to stop until the user acts. [`Game`](Self::Game) is for a game's own codes.
///
/// ```
/// use bevy_bouncer::{DisconnectReason, GameCode};
///
/// const MAP_CHANGES: DisconnectReason = DisconnectReason::Game(GameCode::new(4050).unwrap());
/// assert_eq!(MAP_CHANGES.close_code(), 4050);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Reflect)]
#[reflect(opaque)]
#[reflect(Debug, Clone, PartialEq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client closed the connection in order.
    ClientClosed,
    /// The connection broke without a Close.
    ConnectionLost,
    /// 1001: the app exits.
    Shutdown,
    /// 1002: the client broke the WebSocket protocol.
    ProtocolError,
    /// 1007: a text message was not UTF-8.
    InvalidText,
    /// 1009: a frame or message was too long.
    MessageTooBig,
    /// 1011: a fault of the server.
    InternalError,
    /// 4000: the server is about to stop.
    Draining,
    /// 4001: the client read too slowly.
    SlowConsumer,
    /// 4002: the client did not answer pings.
    HeartbeatTimeout,
    /// 4003: the client sent too much for too long.
    RateLimited,
    /// 4004: the game or the operator sent the player away, or the entity was despawned.
    Kicked,
    /// 4006: the server is overloaded.
    Overloaded,
    /// 4100: the token expired.
    TokenExpired,
    /// 4101: the token or its user was revoked.
    Revoked,
    /// 4400: the client broke the application's protocol.
    BadProtocol,
    /// 4403: the user was banned.
    Banned,
    /// 4404: the user does not exist any more.
    UserGone,
    /// 4409: the same user connected again.
    Replaced,
    /// 4410: a refresh token of another user.
    RefreshUserMismatch,
    /// 4411: it is over, and nobody is accused: the match has ended, the trial time is up. The client stops
    /// until the user acts.
    Finished,
    /// A code of the game's own: 4050–4099 to come back, 4450–4499 to stop until the user acts.
    Game(GameCode),
}

impl DisconnectReason {
    /// The close code that the client gets.
    pub const fn close_code(self) -> u16 {
        match self.shared() {
            Ok(code) => code.number(),
            Err(code) => code.number(),
        }
    }

    /// The word at the start of the close frame's reason, and in logs.
    pub const fn code(self) -> &'static str {
        match self {
            // No client reads it: the connection is gone.
            Self::ConnectionLost => "connection_lost",
            _ => match self.shared() {
                Ok(code) => code.as_str(),
                Err(_) => GameCode::WORD,
            },
        }
    }

    /// What both ends call it, unless it is the game's own.
    const fn shared(self) -> Result<CloseCode, GameCode> {
        Ok(match self {
            Self::ClientClosed => CloseCode::ClientClosed,
            Self::Shutdown => CloseCode::Shutdown,
            Self::ProtocolError => CloseCode::ProtocolError,
            Self::InvalidText => CloseCode::InvalidText,
            Self::MessageTooBig => CloseCode::MessageTooBig,
            Self::InternalError | Self::ConnectionLost => CloseCode::InternalError,
            Self::Draining => CloseCode::Draining,
            Self::SlowConsumer => CloseCode::SlowConsumer,
            Self::HeartbeatTimeout => CloseCode::HeartbeatTimeout,
            Self::RateLimited => CloseCode::RateLimited,
            Self::Kicked => CloseCode::Kicked,
            Self::Overloaded => CloseCode::Overloaded,
            Self::TokenExpired => CloseCode::TokenExpired,
            Self::Revoked => CloseCode::Revoked,
            Self::BadProtocol => CloseCode::BadProtocol,
            Self::Banned => CloseCode::Banned,
            Self::UserGone => CloseCode::UserGone,
            Self::Replaced => CloseCode::Replaced,
            Self::RefreshUserMismatch => CloseCode::RefreshUserMismatch,
            Self::Finished => CloseCode::Finished,
            Self::Game(code) => return Err(code),
        })
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Longest reason in a close frame in bytes (RFC 6455 §5.5: 125 less the code).
const CLOSE_REASON_MAX_BYTES: usize = 123;

/// A reason together with the operator's words for the player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseReason {
    pub reason: DisconnectReason,
    pub message: Option<Arc<str>>,
    /// How long a ban lasts, when it has an end.
    pub lasts: Option<Duration>,
}

impl CloseReason {
    /// The text of the close frame: `kicked`, or `kicked: be nice` when there are words.
    pub fn close_text(&self) -> String {
        let mut text = self.reason.code().to_owned();
        let message = self.message.as_deref().map(clean_line);
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            text.push_str(": ");
            text.push_str(&message);
        }
        text.truncate(text.floor_char_boundary(CLOSE_REASON_MAX_BYTES));
        text
    }

    /// The game's own words, and a status after which a client does what it does after the close code.
    fn refusal_of_the_game(&self) -> Refusal {
        let refusal = match Advice::for_close_code(self.reason.close_code()) {
            Advice::Stop => Refusal::from(RefusalKind::Forbidden),
            Advice::Reconnect | Advice::NewToken => Refusal::from(RefusalKind::Capacity),
        };
        match &self.message {
            Some(words) => refusal.saying(words.to_string()),
            None => refusal,
        }
    }

    /// The words of whoever banned, and the end of the ban.
    fn refusal_of_the_banned(&self) -> Refusal {
        let mut refusal = Refusal::from(RefusalKind::Banned);
        if let Some(words) = &self.message {
            refusal = refusal.saying(words.to_string());
        }
        match self.lasts {
            Some(lasts) => refusal.retry_after(lasts),
            None => refusal,
        }
    }

    /// The answer to a handshake that is ended for this before its player is in.
    pub fn refusal(&self) -> Refusal {
        match self.reason {
            DisconnectReason::Banned => self.refusal_of_the_banned(),
            DisconnectReason::Shutdown | DisconnectReason::Draining => RefusalKind::Draining.into(),
            DisconnectReason::Finished | DisconnectReason::Game(_) => self.refusal_of_the_game(),
            reason => Refusal::unauthorized(reason.code()),
        }
    }
}

impl From<DisconnectReason> for CloseReason {
    fn from(reason: DisconnectReason) -> Self {
        Self {
            reason,
            message: None,
            lasts: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_text_fits_a_control_frame_and_stays_utf8() {
        let close_reason = CloseReason {
            reason: DisconnectReason::Banned,
            message: Some("ü".repeat(200).into()),
            lasts: None,
        };
        let text = close_reason.close_text();
        assert!(text.starts_with("banned: ü"));
        assert!(text.len() <= CLOSE_REASON_MAX_BYTES);
    }

    #[test]
    fn a_close_text_is_one_line_that_can_be_seen() {
        for (words, text) in [
            ("be\nnice\u{202e}", "banned: be nice"),
            ("\u{200b}", "banned"),
            ("", "banned"),
        ] {
            let close_reason = CloseReason {
                reason: DisconnectReason::Banned,
                message: Some(words.into()),
                lasts: None,
            };
            assert_eq!(close_reason.close_text(), text, "{words:?}");
        }
    }

    #[test]
    fn a_handshake_that_the_game_ends_is_refused_with_the_advice_of_the_close_code() {
        let come_back = DisconnectReason::Game(GameCode::new(4050).unwrap());
        let stop = DisconnectReason::Game(GameCode::new(4450).unwrap());
        for reason in [come_back, stop, DisconnectReason::Finished] {
            let close_reason = CloseReason {
                reason,
                message: Some("the map changes".into()),
                lasts: None,
            };
            let refusal = close_reason.refusal();
            let advice = Advice::for_close_code(reason.close_code());
            assert_eq!(refusal.kind().advice(), advice, "{reason:?}");
            assert_eq!(refusal.message(), "the map changes");
        }
    }
}
