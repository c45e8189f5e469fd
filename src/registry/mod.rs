//! Who is in. The only place that both worlds and the operator's threads change.
//!
//! All methods are synchronous and short: map operations under one lock, and for a revocation at most
//! one non-blocking write of each connection that it cuts.

#[cfg(test)]
mod model;
mod remote;
mod session_index;

pub(crate) use session_index::{Entered, refusal_of};

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::{
    bridge::{Departure, Departures, Notice, Notices},
    config::Limits,
    drain::Drainage,
    identity::{
        ConnectionId, DisconnectReason, Goodbye, Refusal, RefusalKind, TokenFacts, User, UserId,
        unix_now,
    },
    revocation::{Decision, Journal, Revocation, RevocationKind, StoreError, Storing, Subject},
    util::{Mutex, lock},
};

use crate::connection::{Handle, Left};

use session_index::Ledger;

/// See the module's documentation.
pub(crate) struct Registry {
    ledger: Mutex<Ledger>,
    seats: Arc<Semaphore>,
    places: usize,
    departures: Departures,
    /// For what the game should know besides.
    pub notices: Notices,
    pub journal: Journal,
    /// How long a revocation that is about tokens can matter, when that is known.
    tokens_end_within: Option<Duration>,
    pub drainage: Drainage,
    /// Whether a new session ends its user's one before.
    replaces: bool,
}

impl Registry {
    /// An empty registry.
    pub fn new(
        limits: &Limits,
        departures: Departures,
        notices: Notices,
        tokens_end_within: Option<Duration>,
    ) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(limits)),
            seats: Arc::new(Semaphore::new(limits.connections)),
            places: limits.connections,
            departures,
            notices,
            journal: Journal::new(limits.unsaved_revocations),
            tokens_end_within,
            drainage: Drainage::default(),
            replaces: limits.duplicate_login.replaces(),
        }
    }

    /// Bars those whom a store has kept.
    pub fn preload(&self, stored: Vec<Revocation>) -> Result<(), StoreError> {
        let now = unix_now();
        let mut ledger = lock(&self.ledger);
        stored
            .into_iter()
            .try_for_each(|entry| ledger.revoke(entry, now).1)
    }

    /// Whether every place is taken.
    pub fn is_full(&self) -> bool {
        self.seats.available_permits() == 0
    }

    /// Places that are taken: players, handshakes that wait for the game, sockets that are closing.
    pub fn occupied(&self) -> usize {
        self.places - self.seats.available_permits()
    }

    /// Waits until nobody is left, tasks and sockets included.
    pub async fn emptied(&self) {
        // A semaphore has at most 2^32 permits on every platform that has as many connections.
        let all = u32::try_from(self.places).unwrap_or(u32::MAX);
        // Only a closed semaphore is an error, and nobody closes this one.
        let _ = self.seats.acquire_many(all).await;
    }

    /// Whether this identity could come in now. Admits nobody.
    pub fn check(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        if self.is_full() {
            return Err(RefusalKind::Capacity.into());
        }
        lock(&self.ledger).check(user, token, unix_now())
    }

    /// Reserves a place for a verified user, or says why not.
    pub fn admit(
        &self,
        user: User,
        token: TokenFacts,
        peer: SocketAddr,
    ) -> Result<Arc<Handle>, Refusal> {
        let seat = self
            .seats
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refusal::from(RefusalKind::Capacity))?;
        lock(&self.ledger).admit(user, token, peer, Some(seat), unix_now())
    }

    /// Gives a reserved place up. False when the player has entered or was refused meanwhile.
    pub fn abandon(&self, handle: &Handle, refusal: Refusal) -> bool {
        let abandoned = handle.abandon(refusal);
        if abandoned {
            lock(&self.ledger).forget(handle);
        }
        abandoned
    }

    /// The live sessions that would end if another one of this user entered.
    pub fn would_replace(&self, user: &UserId) -> Vec<Arc<Handle>> {
        lock(&self.ledger).would_replace(user)
    }

    /// The player whose connection was lost that would go on if another session of this user entered.
    pub fn would_resume(&self, user: &UserId) -> Option<Arc<Handle>> {
        lock(&self.ledger).would_resume(user)
    }

    /// The player is in, in the stead of those returned. `None` when the handshake was abandoned.
    pub fn enter(&self, handle: &Handle) -> Option<Entered> {
        lock(&self.ledger).enter(handle)
    }

    /// A session by the number of its connection.
    pub fn session(&self, id: ConnectionId) -> Option<Arc<Handle>> {
        lock(&self.ledger).find(&Subject::Session(id)).pop()
    }

    /// The session lasts on this verified token of its user from now on, or the refusal says why not.
    pub fn renew(&self, handle: &Arc<Handle>, token: TokenFacts) -> Result<(), Refusal> {
        lock(&self.ledger).renew(handle, token, unix_now())
    }

    /// Ends a session and reports the departure, if nobody has done so before. Without a fence the
    /// session stays in the indexes until its task ends, so that a revocation still finds it.
    pub fn leave(&self, handle: &Arc<Handle>, goodbye: Goodbye, fence: bool) -> Left {
        self.leave_and(handle, goodbye, fence, || ())
    }

    /// The same for a drain, which counts whom it has ended.
    pub fn send_away(&self, handle: &Arc<Handle>, goodbye: Goodbye, fence: bool) {
        let left = self.leave_and(handle, goodbye, fence, || self.drainage.tell(handle.id));
        if left == Left::WhileAbsent {
            // No task of a connection will say so.
            self.drainage.left(handle.id, false);
        }
    }

    fn leave_and(
        &self,
        handle: &Arc<Handle>,
        goodbye: Goodbye,
        fence: bool,
        and: impl FnOnce(),
    ) -> Left {
        let departure = Departure {
            handle: handle.clone(),
            goodbye: goodbye.clone(),
            may_come_back: false,
        };
        let left = handle.leave(goodbye, fence, || {
            and();
            self.departures.report(departure);
        });
        if fence || left == Left::WhileAbsent {
            lock(&self.ledger).forget(handle);
        }
        left
    }

    /// The connection is lost; its player stays, until somebody ends it or the user is back. False when the
    /// session has ended already.
    pub fn lose(&self, handle: &Arc<Handle>, goodbye: Goodbye) -> bool {
        let departure = Departure {
            handle: handle.clone(),
            goodbye,
            may_come_back: true,
        };
        let is_lost = handle.lose(|| self.departures.report(departure));
        if is_lost && !self.replaces {
            // Who may not replace anybody could come back to no other node as long as this is held.
            handle.give_back();
        }
        is_lost
    }

    /// Ends a session politely for a caller that tells the game itself.
    pub fn end(&self, handle: &Arc<Handle>, goodbye: Goodbye) {
        if handle.leave(goodbye, false, || ()) == Left::WhileAbsent {
            lock(&self.ledger).forget(handle);
        }
    }

    /// Bars a subject, fences its sessions, and has the entry stored.
    pub fn revoke(&self, mut entry: Revocation) -> Receipt {
        entry.forget_with_tokens(self.tokens_end_within, unix_now());
        let goodbye = goodbye_of(&entry);
        let (found, storing) = {
            let mut ledger = lock(&self.ledger);
            let (found, listed) = ledger.revoke(entry.clone(), unix_now());
            let storing = match (listed, &entry.subject) {
                (Err(error), _) => {
                    tracing::error!(%error, "a revocation only cuts, it bars nobody");
                    Storing::failed(error)
                }
                (Ok(()), Subject::Session(_)) => Storing::done(),
                // Under the ledger's lock, so that the store sees decisions in their order.
                (Ok(()), _) => self.journal.append(Decision::Bar(entry)),
            };
            (found, storing)
        };
        if let Some(error) = storing.failure() {
            self.notices.put(Notice::NotStored(error.clone()));
        }
        let cut = self.cut(&found, &goodbye, true);
        Receipt { cut, storing }
    }

    /// Lets a subject come in again.
    pub fn restore(&self, subject: Subject) -> Receipt {
        let mut ledger = lock(&self.ledger);
        ledger.restore(&subject);
        Receipt {
            cut: 0,
            storing: self.journal.append(Decision::Restore(subject)),
        }
    }

    /// Sends a subject's sessions away politely. Nothing is barred.
    pub fn send_home(&self, subject: &Subject, goodbye: &Goodbye) -> usize {
        let mut found = lock(&self.ledger).find(subject);
        found.retain(|handle| handle.is_in());
        self.cut(&found, goodbye, false)
    }

    /// Everybody who is in, with a connection or without.
    pub fn everybody(&self) -> Vec<Arc<Handle>> {
        let mut everybody = lock(&self.ledger).find(&Subject::Everyone);
        everybody.retain(|handle| handle.is_in());
        everybody
    }

    /// Wakes a game that sleeps between its ticks.
    pub fn ring(&self) {
        self.departures.ring();
    }

    /// Up to `count` sessions that came after this one, in the order of arrival.
    pub fn after(&self, last: ConnectionId, count: usize) -> Vec<Arc<Handle>> {
        lock(&self.ledger).after(last, count)
    }

    /// Ends these sessions; returns how many were live.
    fn cut(&self, found: &[Arc<Handle>], goodbye: &Goodbye, fence: bool) -> usize {
        found
            .iter()
            .filter(|handle| {
                let left = self.leave(handle, goodbye.clone(), fence);
                matches!(left, Left::Now | Left::WhileAbsent)
            })
            .count()
    }
}

/// What those are told who are cut by it.
fn goodbye_of(entry: &Revocation) -> Goodbye {
    Goodbye {
        reason: match entry.kind {
            RevocationKind::Revoke => DisconnectReason::Revoked,
            RevocationKind::Ban => DisconnectReason::Banned,
        },
        message: entry.reason.as_deref().map(Arc::from),
    }
}

/// What came of [`Bouncer::revoke`](crate::Bouncer::revoke) or
/// [`Bouncer::restore`](crate::Bouncer::restore).
///
/// The live sessions are fenced when you hold it. Awaiting it tells when the entry is stored;
/// dropping it does not cancel that.
#[derive(Debug)]
pub struct Receipt {
    cut: usize,
    storing: Storing,
}

impl Receipt {
    /// For what was decided about so many live sessions.
    pub(crate) fn new(cut: usize, storing: Storing) -> Self {
        Self { cut, storing }
    }

    /// How many live sessions were cut.
    pub fn cut(&self) -> usize {
        self.cut
    }
}

impl Future for Receipt {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.storing).poll(context)
    }
}
