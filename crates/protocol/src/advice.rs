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
    /// 409 is worth another attempt: the server may not know yet that the connection before is lost. So is a
    /// preflight that passed (204) after an upgrade that failed.
    pub const fn for_http_status(status: u16) -> Self {
        match status {
            401 => Self::NewToken,
            // The preflight has nothing against the client, so the upgrade failed for another reason.
            0..=399 | 408 | 409 | 429 | 500..=599 => Self::Reconnect,
            _ => Self::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_that_passed_after_a_failed_upgrade_is_worth_another_attempt() {
        assert_eq!(Advice::for_http_status(204), Advice::Reconnect);
        assert_eq!(Advice::for_http_status(401), Advice::NewToken);
        assert_eq!(Advice::for_http_status(403), Advice::Stop);
        assert_eq!(Advice::for_http_status(409), Advice::Reconnect);
        assert_eq!(Advice::for_http_status(503), Advice::Reconnect);
    }
}
