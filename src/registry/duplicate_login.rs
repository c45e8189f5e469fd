//! What happens to a user who logs in again: one policy, for the sessions of this node and for those of the
//! fleet.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    config::{DuplicateLogin, Limits},
    identity::UserId,
};

/// For how long a replacement counts.
const WINDOW: Duration = Duration::from_secs(60);

/// The policy with its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DuplicateLoginRules {
    pub policy: DuplicateLogin,
    /// Sessions that one user may have, where the policy does not replace.
    pub sessions: usize,
    pub replacements_per_minute: usize,
}

/// What becomes of a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It comes in beside the user's other sessions, if there are any.
    Beside,
    /// It comes in, and the user's other sessions end.
    Instead,
    /// The user has as many sessions as allowed.
    Full,
    /// The user has replaced sessions too often; again in so long.
    TooOften(Duration),
}

impl DuplicateLoginRules {
    /// The policy of these limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            policy: limits.duplicate_login,
            sessions: match limits.duplicate_login {
                DuplicateLogin::Allow => limits.connections_per_user,
                DuplicateLogin::KickOld | DuplicateLogin::TakeOver | DuplicateLogin::RejectNew => 1,
            },
            replacements_per_minute: limits.replacements_per_minute,
        }
    }

    /// Judges a new session of a user who has so many others. Where the policy replaces, these are sessions
    /// that would end; otherwise also those whose handshake is under way.
    pub fn judge(
        self,
        user: &UserId,
        others: usize,
        replacements: &Replacements,
        now: Instant,
    ) -> Verdict {
        if !self.policy.replaces() {
            return if others < self.sessions {
                Verdict::Beside
            } else {
                Verdict::Full
            };
        }
        if others == 0 {
            return Verdict::Beside;
        }
        let wait = replacements.wait(user, self.replacements_per_minute, now);
        wait.map_or(Verdict::Instead, Verdict::TooOften)
    }
}

impl DuplicateLoginRules {
    /// Whether a session ends that is found to be at this place, counted from 0 for the oldest, of so many of its user:
    /// nodes that did not hear of each other have let in more than the policy allows.
    pub fn is_one_too_many(self, place: usize, of: usize) -> bool {
        if self.policy.replaces() {
            place + 1 < of
        } else {
            place >= self.sessions
        }
    }
}

/// When users replaced their sessions within the last minute.
#[derive(Debug)]
pub(crate) struct Replacements {
    by_user: HashMap<UserId, VecDeque<Instant>>,
    /// Users who are counted at the same time.
    users: usize,
}

impl Replacements {
    /// Counts the replacements of so many users; others who have any must wait.
    pub fn new(users: usize) -> Self {
        Self {
            by_user: HashMap::new(),
            users,
        }
    }

    /// Counts one more of this user.
    pub fn note(&mut self, user: &UserId, now: Instant) {
        let recent = self.by_user.entry(user.clone()).or_default();
        recent.retain(|at| counts(*at, now));
        recent.push_back(now);
    }

    /// Forgets users who have replaced nothing lately, when too many are counted.
    pub fn prune(&mut self, now: Instant) {
        if self.by_user.len() >= self.users {
            let counts_still =
                |recent: &VecDeque<_>| recent.back().is_some_and(|at| counts(*at, now));
            self.by_user.retain(|_, recent| counts_still(recent));
        }
    }

    /// How long until the user may replace a session again; `None` for now.
    fn wait(&self, user: &UserId, per_minute: usize, now: Instant) -> Option<Duration> {
        let Some(recent) = self.by_user.get(user) else {
            return (self.by_user.len() >= self.users).then_some(WINDOW);
        };
        let mut recent = recent.iter().filter(|at| counts(**at, now));
        let oldest = *recent.next()?;
        let count = 1 + recent.count();
        (count >= per_minute).then(|| WINDOW.saturating_sub(now.duration_since(oldest)))
    }
}

fn counts(at: Instant, now: Instant) -> bool {
    now.duration_since(at) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(policy: DuplicateLogin) -> DuplicateLoginRules {
        DuplicateLoginRules {
            policy,
            sessions: if policy == DuplicateLogin::Allow {
                3
            } else {
                1
            },
            replacements_per_minute: 2,
        }
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn each_policy_with_a_first_and_with_more_sessions() {
        use DuplicateLogin::{Allow, KickOld, RejectNew, TakeOver};
        use Verdict::{Beside, Full, Instead};
        let (none, now) = (Replacements::new(10), Instant::now());
        for (policy, verdicts) in [
            (KickOld, [Beside, Instead, Instead, Instead]),
            (TakeOver, [Beside, Instead, Instead, Instead]),
            (RejectNew, [Beside, Full, Full, Full]),
            (Allow, [Beside, Beside, Beside, Full]),
        ] {
            let judge = |others| rules(policy).judge(&user("ann"), others, &none, now);
            assert_eq!([0, 1, 2, 3].map(judge), verdicts, "{policy:?}");
        }
    }

    #[test]
    fn of_sessions_that_did_not_hear_of_each_other_those_end_that_the_policy_names() {
        use DuplicateLogin::{Allow, KickOld, RejectNew, TakeOver};
        for (policy, ends) in [
            (KickOld, [true, true, true, false]),
            (TakeOver, [true, true, true, false]),
            (RejectNew, [false, true, true, true]),
            (Allow, [false, false, false, true]),
        ] {
            let is_one_too_many = |place| rules(policy).is_one_too_many(place, 4);
            assert_eq!([0, 1, 2, 3].map(is_one_too_many), ends, "{policy:?}");
            assert!(!rules(policy).is_one_too_many(0, 1), "{policy:?}");
        }
    }

    #[test]
    fn too_many_replacements_wait_until_the_oldest_is_a_minute_old() {
        let (rules, start) = (rules(DuplicateLogin::KickOld), Instant::now());
        let mut recent = Replacements::new(10);
        let ann = user("ann");
        recent.note(&ann, start);
        let later = start + 10 * SECOND;
        assert_eq!(rules.judge(&ann, 1, &recent, later), Verdict::Instead);
        recent.note(&ann, later);
        let wait = Verdict::TooOften(50 * SECOND);
        assert_eq!(rules.judge(&ann, 1, &recent, later), wait);
        assert_eq!(rules.judge(&ann, 0, &recent, later), Verdict::Beside);
        let ben = user("ben");
        assert_eq!(rules.judge(&ben, 1, &recent, later), Verdict::Instead);
        let minute = start + 60 * SECOND;
        assert_eq!(rules.judge(&ann, 1, &recent, minute), Verdict::Instead);
    }

    #[test]
    fn p09_only_so_many_users_are_counted_and_others_wait() {
        let (rules, start) = (rules(DuplicateLogin::KickOld), Instant::now());
        let mut recent = Replacements::new(1);
        recent.note(&user("ann"), start);
        let wait = Verdict::TooOften(WINDOW);
        assert_eq!(rules.judge(&user("ben"), 1, &recent, start), wait);
        recent.prune(start + 59 * SECOND);
        assert_eq!(recent.by_user.len(), 1);
        recent.prune(start + WINDOW);
        assert_eq!(recent.by_user.len(), 0);
    }
}
