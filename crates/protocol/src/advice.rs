//! What a client does when it is refused, or when its connection ends.

/// What a client does when it is refused, or when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Connect again with the same token, after a wait that grows with each attempt.
    Reconnect,
    /// Get a new token once and connect with it; when that one is refused as well, stop.
    NewToken,
    /// Stop until the user acts.
    Stop,
}

impl Advice {
    /// What to do after this close code (RFC 6455 §7.4), also when it is none of
    /// [`CloseCode`](crate::CloseCode).
    pub const fn for_close_code(code: u16) -> Self {
        match code {
            4100..=4199 => Self::NewToken,
            1002 | 1003 | 1007 | 1009 | 1010 | 4400..=4499 => Self::Stop,
            _ => Self::Reconnect,
        }
    }

    /// What to do after the upgrade, or its preflight, was answered with this HTTP status.
    ///
    /// 409 is worth another attempt: the server may not know yet that the connection before is lost.
    pub const fn for_http_status(status: u16) -> Self {
        match status {
            401 => Self::NewToken,
            408 | 409 | 429 | 500..=599 => Self::Reconnect,
            _ => Self::Stop,
        }
    }
}
