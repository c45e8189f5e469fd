//! Everything in a session that ends by a clock.

use std::time::{Duration, Instant};

use crate::{
    config::Limits,
    identity::DisconnectReason,
    util::{jitter, unix_now},
};

/// How long a look at the wall clock may be away: it can be set meanwhile.
const WALL_CLOCK_CHECK: Duration = Duration::from_secs(30);

/// The clocks of one session.
#[derive(Debug)]
pub(crate) struct Timers {
    next_ping: Instant,
    /// The first ping since which nothing was heard.
    unanswered: Option<Instant>,
    /// Since when a write has made no progress.
    blocked: Option<Instant>,
    /// Since when a message has been unfinished.
    unfinished: Option<Instant>,
    /// Unix seconds at which the token ends, grace included.
    expires_at: Option<u64>,
    /// Unix seconds at which the game is told of that.
    warn_at: Option<u64>,
    /// When the session has lasted long enough.
    oldest: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    /// The token ends at this time, grace included.
    Warning(u64),
    End(DisconnectReason),
}

impl Timers {
    pub fn new(limits: &Limits, expires_at: Option<u64>, now: Instant) -> Self {
        let longest = limits.longest_session;
        let mut timers = Self {
            next_ping: now + limits.ping_interval,
            unanswered: None,
            blocked: None,
            unfinished: None,
            expires_at: None,
            warn_at: None,
            oldest: (!longest.is_zero()).then(|| now + longest),
        };
        timers.renew(limits, expires_at);
        timers
    }

    /// The session's token ends at this time now.
    pub fn renew(&mut self, limits: &Limits, expires_at: Option<u64>) {
        self.expires_at = expires_at.map(|at| at.saturating_add(limits.expiry_grace.as_secs()));
        let warning = limits.expiry_warning.as_secs();
        // Up to half as long again, so that players who came together are not told together.
        let more = jitter(Duration::ZERO..=limits.expiry_warning / 2).as_secs();
        let now = unix_now();
        // A client that brings tokens which are valid for less is not told all the time.
        let half = |at: u64| now.saturating_add(at.saturating_sub(now) / 2);
        let warn_at = |at: u64| at.saturating_sub(warning + more).max(half(at));
        self.warn_at = expires_at.filter(|_| warning > 0).map(warn_at);
    }

    /// Something arrived, or cannot be heard because reading pauses.
    pub fn heard(&mut self) {
        self.unanswered = None;
    }

    /// The socket takes nothing.
    pub fn blocked(&mut self, now: Instant) {
        self.blocked.get_or_insert(now);
    }

    /// The socket took something, or there is nothing to write.
    pub fn progressed(&mut self) {
        self.blocked = None;
    }

    /// Whether a message has begun and not ended.
    pub fn unfinished(&mut self, unfinished: bool, now: Instant) {
        if unfinished {
            self.unfinished.get_or_insert(now);
        } else {
            self.unfinished = None;
        }
    }

    /// What is due now. A ping is due once each interval.
    pub fn due(&mut self, limits: &Limits, now: Instant) -> Option<Due> {
        let over = |since: Option<Instant>, limit| since.is_some_and(|since| now >= since + limit);
        let is_oldest = self.oldest.is_some_and(|oldest| now >= oldest);
        if is_oldest || self.expires_at.is_some_and(|at| unix_now() >= at) {
            return Some(Due::End(DisconnectReason::TokenExpired));
        }
        if over(self.unanswered, limits.pong_timeout) {
            return Some(Due::End(DisconnectReason::HeartbeatTimeout));
        }
        if over(self.blocked, limits.write_timeout) {
            return Some(Due::End(DisconnectReason::SlowConsumer));
        }
        if over(self.unfinished, limits.message_timeout) {
            return Some(Due::End(DisconnectReason::RateLimited));
        }
        if let Some(ends_at) = self.expires_at
            && self.warn_at.is_some_and(|at| unix_now() >= at)
        {
            self.warn_at = None;
            return Some(Due::Warning(ends_at));
        }
        if now >= self.next_ping {
            self.next_ping = now + limits.ping_interval;
            self.unanswered.get_or_insert(now);
            return Some(Due::Ping);
        }
        None
    }

    /// When to look again.
    pub fn next(&self, limits: &Limits, now: Instant) -> Instant {
        let wall_clock = self.warn_at.or(self.expires_at);
        let wall_clock = wall_clock.map(|at| {
            let left = Duration::from_secs(at.saturating_sub(unix_now()));
            now + left.min(WALL_CLOCK_CHECK)
        });
        [
            Some(self.next_ping),
            self.unanswered.map(|since| since + limits.pong_timeout),
            self.blocked.map(|since| since + limits.write_timeout),
            self.unfinished.map(|since| since + limits.message_timeout),
            wall_clock,
            self.oldest,
        ]
        .into_iter()
        .flatten()
        .fold(self.next_ping, Instant::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_after_a_ping_ends_the_session_and_any_sound_saves_it() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut timers = Timers::new(&limits, None, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(timers.due(&limits, at(14)), None);
        assert_eq!(timers.due(&limits, at(15)), Some(Due::Ping));
        assert_eq!(timers.due(&limits, at(30)), Some(Due::Ping));
        timers.heard();
        assert_eq!(timers.due(&limits, at(40)), None);
        assert_eq!(timers.due(&limits, at(45)), Some(Due::Ping));
        assert_eq!(timers.due(&limits, at(60)), Some(Due::Ping));
        assert_eq!(
            timers.due(&limits, at(70)),
            Some(Due::End(DisconnectReason::HeartbeatTimeout))
        );
    }

    #[test]
    fn a_token_ends_its_session_after_the_grace() {
        let mut limits = Limits::default();
        let start = Instant::now();
        let mut expired = Timers::new(&limits, Some(unix_now()), start);
        assert_eq!(
            expired.due(&limits, start),
            Some(Due::End(DisconnectReason::TokenExpired))
        );
        limits.expiry_grace = Duration::from_secs(60);
        let mut graced = Timers::new(&limits, Some(unix_now()), start);
        assert!(matches!(graced.due(&limits, start), Some(Due::Warning(_))));
        assert_eq!(graced.due(&limits, start), None);
        graced.renew(&limits, Some(unix_now() - 60));
        let ended = Some(Due::End(DisconnectReason::TokenExpired));
        assert_eq!(graced.due(&limits, start), ended);
    }

    #[test]
    fn the_warning_comes_once_for_each_token_and_can_be_switched_off() {
        let mut limits = Limits::default();
        let start = Instant::now();
        limits.expiry_grace = Duration::from_secs(60);
        let soon = unix_now() + 1;
        let mut timers = Timers::new(&limits, Some(soon), start);
        for _ in 0..2 {
            assert_eq!(timers.due(&limits, start), Some(Due::Warning(soon + 60)));
            assert_eq!(timers.due(&limits, start), None);
            timers.renew(&limits, Some(soon));
        }
        timers.renew(&limits, Some(unix_now() + 100));
        assert_eq!(timers.due(&limits, start), None, "90 s before at most");
        timers.renew(&limits, Some(unix_now() + 20));
        assert_eq!(
            timers.due(&limits, start),
            None,
            "not before half of its time"
        );
        limits.expiry_warning = Duration::ZERO;
        timers.renew(&limits, Some(soon));
        assert_eq!(timers.due(&limits, start), None);
    }
    #[test]
    fn p07_the_wall_clock_is_looked_at_now_and_then_because_it_can_be_set() {
        let limits = Limits {
            ping_interval: Duration::from_secs(3000),
            expiry_warning: Duration::ZERO,
            ..Limits::default()
        };
        let now = Instant::now();
        let timers = Timers::new(&limits, Some(unix_now() + 36_000), now);
        assert!(timers.next(&limits, now) <= now + WALL_CLOCK_CHECK);
    }
}
