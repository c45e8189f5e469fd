//! Single-use tickets: what a login service gives to a page in place of a token, because a ticket
//! may stand in an address.

use std::{
    fmt,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::request::Credential;
use crate::{
    config::Limits,
    identity::{Admission, Refusal, RefusalKind, UserId},
    util::{Digest, Mutex, ShortLived, lock, unix_now},
};

/// Random bytes of a ticket: nobody guesses one, so how it is looked up may take the time it takes.
const SECRET_BYTES: usize = 32;

/// When to ask again for a ticket after there were too many.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Lets its user in once, soon: see [`Bouncer::issue_ticket`](crate::Bouncer::issue_ticket). Its
/// `Debug` shows nothing of it.
pub struct Ticket {
    secret: Credential,
    user: UserId,
    expires_in: Duration,
}

impl Ticket {
    /// The ticket itself, in the alphabet of base64url: to go into `?ticket=…` as it is. Do not log it.
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// The key under which it is kept.
    pub(crate) fn hash(&self) -> Digest {
        hash_of(&self.secret)
    }

    /// Who comes in with it.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// How long it is good for, unless it is used.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("user", &self.user)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// What happens to a ticket that is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TicketUse {
    /// It is looked at and stays good: a preflight.
    Peek,
    /// It is used up: of two who try, one gets it.
    Take,
}

/// The tickets that were not used yet: only their hashes, with whom they let in.
pub(crate) struct Tickets {
    waiting: Mutex<ShortLived<Admission>>,
    life: Duration,
}

impl Tickets {
    /// With the limits `tickets` and `ticket_lifetime`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            waiting: Mutex::new(ShortLived::new(limits.tickets, limits.ticket_lifetime)),
            life: limits.ticket_lifetime,
        }
    }

    /// A ticket for a user who was verified just now. It does not outlive the token.
    ///
    /// # Errors
    /// 401 when the token ends now, 503 when there are too many tickets: those that are out stay good.
    pub fn issue(&self, admission: Admission) -> Result<Ticket, Refusal> {
        let expires_in = match admission.token.expires_at {
            Some(end) => self
                .life
                .min(Duration::from_secs(end.saturating_sub(unix_now()))),
            None => self.life,
        };
        if expires_in.is_zero() {
            return Err(Refusal::unauthorized("the token ends now"));
        }
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|_| Refusal::unavailable("the system gives no random numbers"))?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        let user = admission.user.id().clone();
        if !lock(&self.waiting).insert(hash(&secret), admission, Instant::now()) {
            return Err(Refusal::from(RefusalKind::Capacity)
                .because("tickets")
                .retry_after(RETRY_AFTER));
        }
        Ok(Ticket {
            secret: Credential::new(secret),
            user,
            expires_in,
        })
    }

    /// Whom a ticket lets in. Only its use brings the components.
    ///
    /// # Errors
    /// 401 when there is none, or it was used, or its time or that of its token is over.
    pub fn redeem(&self, ticket: &Credential, ticket_use: TicketUse) -> Result<Admission, Refusal> {
        in_time(match ticket_use {
            TicketUse::Peek => self.peek(ticket),
            TicketUse::Take => self.take_own(ticket),
        })
    }

    /// Takes a ticket of this process, if it is one. Whether its token has ended is not looked at.
    pub fn take_own(&self, ticket: &Credential) -> Option<Admission> {
        lock(&self.waiting).take(&hash_of(ticket), Instant::now())
    }

    fn peek(&self, ticket: &Credential) -> Option<Admission> {
        let waiting = lock(&self.waiting);
        let admission = waiting.get(&hash_of(ticket), Instant::now());
        admission.map(Admission::without_components)
    }
}

/// The key under which a ticket is kept.
pub(crate) fn hash_of(ticket: &Credential) -> Digest {
    hash(ticket.expose())
}

fn hash(ticket: &str) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, ticket.as_bytes()).as_ref());
    hash
}

/// An admission whose token has not ended.
pub(crate) fn in_time(admission: Option<Admission>) -> Result<Admission, Refusal> {
    let admission = admission.ok_or_else(|| Refusal::unauthorized("there is no such ticket"))?;
    match admission.token.expires_at {
        Some(end) if end <= unix_now() => {
            Err(Refusal::unauthorized("the ticket's token has expired"))
        }
        _ => Ok(admission),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::{Barrier, atomic::AtomicUsize, atomic::Ordering},
        thread,
    };

    use super::*;
    use crate::identity::User;

    fn tickets(change: impl FnOnce(&mut Limits)) -> Tickets {
        let mut limits = Limits::default();
        change(&mut limits);
        Tickets::new(&limits)
    }

    fn ann() -> Admission {
        Admission::new(User::new("ann", "Ann").unwrap())
    }

    fn status(result: Result<impl Sized, Refusal>) -> u16 {
        result.map_or_else(|refusal| refusal.kind().status(), |_| 200)
    }

    #[test]
    fn a_ticket_is_good_once_and_looking_at_it_uses_nothing_up() {
        let tickets = tickets(|_| {});
        let ticket = tickets.issue(ann()).unwrap();
        assert_eq!(ticket.expires_in(), Duration::from_secs(30));
        assert_eq!(
            tickets
                .redeem(&ticket.secret, TicketUse::Peek)
                .unwrap()
                .user
                .name(),
            "Ann"
        );
        assert_eq!(
            tickets
                .redeem(&ticket.secret, TicketUse::Take)
                .unwrap()
                .user
                .name(),
            "Ann"
        );
        assert_eq!(status(tickets.redeem(&ticket.secret, TicketUse::Take)), 401);
        assert_eq!(status(tickets.redeem(&ticket.secret, TicketUse::Peek)), 401);
    }

    #[test]
    fn tickets_are_long_random_and_in_the_alphabet_of_addresses() {
        let tickets = tickets(|_| {});
        let issued: HashSet<String> = (0..1000)
            .map(|_| tickets.issue(ann()).unwrap().expose().to_owned())
            .collect();
        assert_eq!(issued.len(), 1000);
        for ticket in &issued {
            assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(ticket).unwrap().len(), 32);
        }
        assert_eq!(
            status(tickets.redeem(&Credential::new(""), TicketUse::Take)),
            401
        );
        let shortened = issued.iter().next().unwrap().split_at(42).0;
        assert_eq!(
            status(tickets.redeem(&Credential::new(shortened), TicketUse::Take)),
            401
        );
    }

    #[test]
    fn of_many_who_use_a_ticket_at_once_one_comes_in() {
        const THREADS: usize = 16;
        let tickets = tickets(|_| {});
        for _ in 0..200 {
            let ticket = tickets.issue(ann()).unwrap();
            let (start, winners) = (Barrier::new(THREADS), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        if tickets.redeem(&ticket.secret, TicketUse::Take).is_ok() {
                            winners.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(winners.into_inner(), 1);
        }
    }

    #[test]
    fn a_ticket_ends_with_its_time_or_with_its_token() {
        let short = tickets(|limits| limits.ticket_lifetime = Duration::from_millis(50));
        let ticket = short.issue(ann()).unwrap();
        thread::sleep(Duration::from_millis(60));
        assert_eq!(status(short.redeem(&ticket.secret, TicketUse::Peek)), 401);
        assert_eq!(status(short.redeem(&ticket.secret, TicketUse::Take)), 401);

        let tickets = tickets(|_| {});
        let ticket = tickets.issue(ann().expires_at(unix_now() + 2)).unwrap();
        assert!(ticket.expires_in() <= Duration::from_secs(2));
        thread::sleep(Duration::from_millis(2100));
        assert_eq!(status(tickets.redeem(&ticket.secret, TicketUse::Peek)), 401);
        assert_eq!(status(tickets.redeem(&ticket.secret, TicketUse::Take)), 401);
        assert_eq!(status(tickets.issue(ann().expires_at(unix_now()))), 401);
    }

    #[test]
    fn p09_there_are_so_many_tickets_and_one_more_is_refused() {
        let tickets = tickets(|limits| limits.tickets = 2);
        let first = tickets.issue(ann()).unwrap();
        let second = tickets.issue(ann()).unwrap();
        assert_eq!(status(tickets.issue(ann())), 503);
        assert_eq!(status(tickets.redeem(&first.secret, TicketUse::Take)), 200);
        assert_eq!(status(tickets.issue(ann())), 200);
        assert_eq!(
            status(tickets.redeem(&second.secret, TicketUse::Take)),
            200,
            "it stayed good"
        );
    }

    #[test]
    fn p12_debug_shows_nothing_of_a_ticket() {
        let ticket = tickets(|_| {}).issue(ann()).unwrap();
        assert!(!format!("{ticket:?}").contains(ticket.expose()));
    }
}
