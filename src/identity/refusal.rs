//! Why a client stays outside: what the client is told, and what only the operator learns.

use std::{borrow::Cow, time::Duration};

use bevy_bouncer_protocol::RefusalBody;
pub use bevy_bouncer_protocol::RefusalKind;
use bevy_bouncer_text::clean;
use bevy_reflect::prelude::*;
use thiserror::Error;

use super::close_reason::{CloseReason, DisconnectReason};

/// When to ask again for a place.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(5);

/// An answer other than `101`: an HTTP status with a JSON body for the client, and a cause for the
/// operator's log.
///
/// ```
/// use bevy_bouncer::{Refusal, RefusalKind};
///
/// let full = Refusal::full("this match is full");
/// assert_eq!(full.kind(), RefusalKind::Capacity);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error, Reflect)]
#[reflect(opaque)]
#[reflect(Debug, Clone, PartialEq)]
#[error("{}: {}", .kind.code(), .cause.as_deref().unwrap_or(.message))]
pub struct Refusal {
    kind: RefusalKind,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    cause: Option<Cow<'static, str>>,
    ends_with: Option<DisconnectReason>,
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Self {
            kind,
            message: Cow::Borrowed(kind.message()),
            retry_after: None,
            cause: None,
            ends_with: None,
        }
    }
}

impl Refusal {
    /// Status 401. The client reads the same answer for every cause; `cause` is for the operator's log
    /// and must not contain any part of a credential.
    pub fn unauthorized(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::Unauthorized).because(cause)
    }

    /// 400 with the rule that was broken, which the client may know.
    pub fn bad_request(rule: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::BadRequest).saying(rule)
    }

    /// 503 with the game's own words for the player, for whom there is no place now: the client comes back
    /// after five seconds, or after what [`retry_after`](Self::retry_after) says.
    pub fn full(message: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::Capacity)
            .saying(message)
            .retry_after(FULL_RETRY_AFTER)
    }

    /// 403 with the game's own words for the player, who stays out: the client stops until the user acts.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::Forbidden).saying(message)
    }

    /// 403 `banned`, with the operator's words for the player.
    pub fn banned(message: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::Banned).saying(message)
    }

    /// 503: the check could not be made. `cause` is for the operator's log.
    pub fn unavailable(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::from(RefusalKind::Unavailable).because(cause)
    }

    /// Replaces the message that the client reads. Longer than 512 bytes is cut, and what cannot be shown is taken out;
    /// where nothing is left, the message stays. A 401 keeps its one message, so that no client learns why a guess failed.
    pub fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        if self.kind == RefusalKind::Unauthorized {
            return self;
        }
        let message = message.into();
        let shown = clean(&message[..message.floor_char_boundary(512)]);
        if shown == message {
            self.message = message;
        } else if !shown.is_empty() {
            self.message = Cow::Owned(shown.into_owned());
        }
        self
    }

    /// Sets the cause that only the operator's log shows.
    pub fn because(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tells the client when it may come in: `retry_after_ms` in the body, and `Retry-After` (whole seconds, rounded up)
    /// unless a client stops after such a refusal. Of a ban it is the end, for the player to read.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// How a session ends whose player is refused when it is checked again. Without this word: a 401 is
    /// 4101 `token_revoked`, so that the client tries another token; a banned user 4403 `banned`; anything
    /// else 4004 `kicked`. The words of [`saying`](Self::saying) follow in the reason.
    pub fn disconnect_with(mut self, reason: DisconnectReason) -> Self {
        self.ends_with = Some(reason);
        self
    }

    /// How a session ends whose new token is refused like this: when it says so, or the user is barred.
    pub(crate) fn ends_a_session(&self) -> Option<CloseReason> {
        let is_banned = self.kind == RefusalKind::Banned;
        (is_banned || self.ends_with.is_some()).then(|| self.close_reason())
    }

    /// How a session ends for this, with the words if there are some for this player.
    pub(crate) fn close_reason(&self) -> CloseReason {
        let reason = self.ends_with.unwrap_or(match self.kind {
            RefusalKind::Unauthorized => DisconnectReason::Revoked,
            RefusalKind::Banned => DisconnectReason::Banned,
            _ => DisconnectReason::Kicked,
        });
        let has_words = self.message != self.kind.message();
        CloseReason {
            reason,
            message: has_words.then(|| self.message.as_ref().into()),
            lasts: self.retry_after,
        }
    }

    /// The class of the refusal.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// What the client reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the operator reads.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// When the client may try again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The JSON body of the answer.
    pub(crate) fn body(&self) -> String {
        let body = RefusalBody {
            error: self.kind.code().into(),
            message: self.message.as_ref().into(),
            retry_after_ms: self
                .retry_after
                .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        };
        // Serialising two strings and a number into memory cannot fail; an empty body would still
        // be a valid answer.
        serde_json::to_string(&body).unwrap_or_default()
    }
}
