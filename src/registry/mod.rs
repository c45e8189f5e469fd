//! Which players are in: the only state that the network, the game and the operator's threads all change.
//!
//! All methods are synchronous and short: map operations under one lock, and for a revocation at most
//! one non-blocking write of each connection that it cuts.

mod duplicate_login;
#[cfg(test)]
mod model;
mod remote;
mod session_index;
#[cfg(test)]
mod tests;

pub(crate) use duplicate_login::{DuplicateLoginRules, Replacements, Verdict};
pub(crate) use session_index::Entered;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{
    bridge::{Departure, Departures, Notice, Notices},
    config::Limits,
    connection::{Fence, Followed, Handle, Left, Look},
    drain::DrainState,
    identity::{
        Admission, CloseReason, ConnectionId, Refusal, RefusalKind, TokenFacts, User, UserId,
    },
    revocation::{Journal, Receipt, Revocation, StoreError, Storing, Subject},
    util::{Mutex, lock, unix_now},
};

use session_index::SessionIndex;

/// See the module's documentation.
pub(crate) struct Registry {
    /// The first of the order of locks in [`connection`](crate::connection).
    index: Mutex<SessionIndex>,
    seats: Arc<Semaphore>,
    places: usize,
    departures: Departures,
    /// For what the game should know beside arrivals and departures.
    pub notices: Notices,
    pub journal: Journal,
    /// How long a revocation that is about tokens can matter, when that is known.
    tokens_end_within: Option<Duration>,
    pub drain: Arc<DrainState>,
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
            index: Mutex::new(SessionIndex::new(limits)),
            seats: Arc::new(Semaphore::new(limits.connections)),
            places: limits.connections,
            departures,
            notices,
            journal: Journal::new(limits.revocations, limits.unsaved_revocations),
            tokens_end_within,
            drain: Arc::default(),
            replaces: limits.duplicate_login.replaces(),
        }
    }

    /// Bars the subjects of these entries, which a store has kept.
    pub fn preload(&self, stored: Vec<Revocation>) -> Result<(), StoreError> {
        let now = unix_now();
        let mut index = lock(&self.index);
        stored
            .into_iter()
            .try_for_each(|entry| index.revoke(entry, now).1)
    }

    /// Whether every place is taken.
    pub fn is_full(&self) -> bool {
        self.seats.available_permits() == 0
    }

    /// Places that are taken: players, handshakes that wait for the game, sockets that are closing.
    pub fn occupied(&self) -> usize {
        self.places - self.seats.available_permits()
    }

    /// Waits until no session is left, tasks and sockets included.
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
        lock(&self.index).check(user, token, unix_now())
    }

    /// Whether this identity is not barred.
    pub fn check_barred(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        lock(&self.index).check_barred(user, token, unix_now())
    }

    /// The entries of a subject that count.
    pub fn barred(&self, subject: &Subject) -> Vec<Revocation> {
        lock(&self.index).barred(subject, unix_now())
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
        lock(&self.index).admit(user, token, peer, Some(seat), unix_now())
    }

    /// Gives a reserved place up. False when the player has entered or was refused meanwhile.
    pub fn abandon(&self, handle: &Handle, refusal: Refusal) -> bool {
        let abandoned = handle.abandon(refusal);
        if abandoned {
            lock(&self.index).forget(handle);
        }
        abandoned
    }

    /// The live sessions that would end if another one of this user entered.
    pub fn would_replace(&self, user: &UserId) -> Vec<Arc<Handle>> {
        lock(&self.index).would_replace(user)
    }

    /// The player whose connection was lost that would go on if another session of this user entered.
    pub fn would_resume(&self, user: &UserId) -> Option<Arc<Handle>> {
        lock(&self.index).would_resume(user)
    }

    /// The player is in, instead of those returned. `None` when the handshake was abandoned.
    pub fn enter(&self, handle: &Handle) -> Option<Entered> {
        lock(&self.index).enter(handle)
    }

    /// A session by the number of its connection.
    pub fn session(&self, id: ConnectionId) -> Option<Arc<Handle>> {
        lock(&self.index).find(&Subject::Session(id)).pop()
    }

    /// The session lasts on this verified token of its user from now on, or the refusal says why not.
    pub fn renew(&self, handle: &Arc<Handle>, token: TokenFacts) -> Result<(), Refusal> {
        lock(&self.index).renew(handle, token, unix_now())
    }

    /// The session's user is from now on what a look has found, and the game hears of it. When that does not fit
    /// among the notices, the next look tells it.
    pub fn follow(&self, handle: &Handle, look: Look, found: Admission) -> Followed {
        let Admission {
            user, token, owned, ..
        } = found;
        let followed = handle.follow(look, &token, user, owned);
        if followed == Followed::News {
            self.notices.put(Notice::UserChanged(handle.id));
        }
        followed
    }

    /// Ends a session and reports the departure, unless that was done before. With [`Fence::AfterQueue`] the
    /// session stays in the indexes until its task ends, so that a revocation still finds it.
    pub fn leave(&self, handle: &Arc<Handle>, close_reason: CloseReason, fence: Fence) -> Left {
        self.leave_and(handle, close_reason, fence, || ())
    }

    /// Ends a session as [`leave`](Self::leave) does, for a drain, which counts the sessions that it ends.
    pub fn send_away(&self, handle: &Arc<Handle>, close_reason: CloseReason, fence: Fence) {
        let left = self.leave_and(handle, close_reason, fence, || self.drain.tell(handle.id));
        if left == Left::WhileAbsent {
            // No task of a connection will say so.
            self.drain.left(handle.id, false);
        }
    }

    fn leave_and(
        &self,
        handle: &Arc<Handle>,
        close_reason: CloseReason,
        fence: Fence,
        and: impl FnOnce(),
    ) -> Left {
        let departure = Departure {
            handle: handle.clone(),
            close_reason: close_reason.clone(),
            may_come_back: false,
        };
        let left = handle.leave(close_reason, fence, || {
            and();
            self.departures.report(departure);
        });
        if fence == Fence::Now || left == Left::WhileAbsent {
            lock(&self.index).forget(handle);
        }
        left
    }

    /// The connection is lost; its player stays until it is ended or the user is back. False when the
    /// session has ended already.
    pub fn lose(&self, handle: &Arc<Handle>, close_reason: CloseReason) -> bool {
        let departure = Departure {
            handle: handle.clone(),
            close_reason,
            may_come_back: true,
        };
        let is_lost = handle.lose(|| self.departures.report(departure));
        if is_lost && !self.replaces {
            // A user who may replace no session could come back to no other node as long as this is held.
            handle.give_back();
        }
        is_lost
    }

    /// Ends a session politely for a caller that tells the game itself.
    pub fn end(&self, handle: &Arc<Handle>, close_reason: CloseReason) {
        if handle.leave(close_reason, Fence::AfterQueue, || ()) == Left::WhileAbsent {
            lock(&self.index).forget(handle);
        }
    }

    /// Bars a subject, fences its sessions, and has the entry stored.
    pub fn revoke(&self, mut entry: Revocation) -> Receipt {
        entry.forget_with_tokens(self.tokens_end_within, unix_now());
        let close_reason = entry.close_reason(unix_now());
        let (found, listed) = {
            let mut index = lock(&self.index);
            let (found, listed) = index.revoke(entry.clone(), unix_now());
            let listed = listed.map(|()| match &entry.subject {
                Subject::Session(_) => Storing::done(),
                // Under the index's lock, so that the store sees decisions in their order.
                subject => {
                    let entries = index.barred(subject, unix_now());
                    self.journal.bar(entry, entries)
                }
            });
            (found, listed)
        };
        let cut = self.cut(&found, &close_reason, Fence::Now);
        match listed {
            Ok(storing) => {
                if let Some(error) = storing.failure() {
                    self.tell_not_stored(error);
                }
                Receipt::new(cut, storing)
            }
            Err(error) => {
                tracing::error!(%error, "a revocation only cuts, it bars nobody");
                self.tell_not_stored(&error);
                Receipt::not_in_force(cut, error)
            }
        }
    }

    /// Tells the game at once of a decision of which no receipt will say that it is stored.
    fn tell_not_stored(&self, error: &StoreError) {
        self.notices.put(Notice::NotStored(error.clone()));
    }

    /// Lets a subject come in again, unless that could not be stored.
    pub fn restore(&self, subject: Subject) -> Receipt {
        let mut index = lock(&self.index);
        match self.journal.restore(subject.clone()) {
            Ok(storing) => {
                index.restore(&subject);
                Receipt::new(0, storing)
            }
            Err(error) => {
                drop(index);
                self.tell_not_stored(&error);
                Receipt::not_in_force(0, error)
            }
        }
    }

    /// Sends a subject's sessions away politely. Nothing is barred.
    pub fn send_home(&self, subject: &Subject, close_reason: &CloseReason) -> usize {
        let mut found = lock(&self.index).find(subject);
        found.retain(|handle| handle.is_in());
        self.cut(&found, close_reason, Fence::AfterQueue)
    }

    /// The newest session of a user who is in.
    pub fn newest_of(&self, user: &UserId) -> Option<Arc<Handle>> {
        let sessions = lock(&self.index).find(&Subject::User(user.clone()));
        sessions.into_iter().rev().find(|handle| handle.is_in())
    }

    /// All players who are in, with a connection or without.
    pub fn everybody(&self) -> Vec<Arc<Handle>> {
        let mut everybody = lock(&self.index).find(&Subject::Everyone);
        everybody.retain(|handle| handle.is_in());
        everybody
    }

    /// Wakes a game that sleeps between its ticks.
    pub fn wake_game(&self) {
        self.departures.wake_game();
    }

    /// Up to `count` sessions that came after this one, in the order of arrival.
    pub fn after(&self, last: ConnectionId, count: usize) -> Vec<Arc<Handle>> {
        lock(&self.index).after(last, count)
    }

    /// Ends these sessions; returns how many were live.
    fn cut(&self, found: &[Arc<Handle>], close_reason: &CloseReason, fence: Fence) -> usize {
        found
            .iter()
            .filter(|handle| {
                let left = self.leave(handle, close_reason.clone(), fence);
                matches!(left, Left::Now | Left::WhileAbsent)
            })
            .count()
    }
}
