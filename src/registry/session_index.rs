//! The index of sessions: which users are in and which subjects are barred, as plain data. One lock around it (in [`Registry`](super::Registry))
//! makes each method one critical section: either an admission sees a revocation, or the revocation
//! sees the handle.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    ops::Bound,
    sync::Arc,
    time::Instant,
};

use tokio::sync::OwnedSemaphorePermit;

use super::duplicate_login::{DuplicateLoginRules, Replacements, Verdict};
use crate::{
    config::Limits,
    connection::Handle,
    identity::{ConnectionId, Refusal, RefusalKind, TokenFacts, User, UserId},
    revocation::{BarredList, Revocation, StoreError, Subject},
};

/// Connections for which there is room from the start, as far as they are allowed: a map that grows
/// holds all logins up. Room that is not used takes no memory from the system.
const ROOM_MAX: usize = 65_536;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct SessionIndex {
    /// In the order of arrival.
    sessions: BTreeMap<ConnectionId, Arc<Handle>>,
    by_user: HashMap<UserId, Vec<Arc<Handle>>>,
    by_token: HashMap<Arc<str>, Vec<Arc<Handle>>>,
    barred: BarredList,
    duplicate_login: DuplicateLoginRules,
    replacements: Replacements,
    next_id: u64,
}

/// What a player who has entered does to those who were in.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    /// Sessions that end for it.
    pub replaced: Vec<Arc<Handle>>,
    /// The lost connection whose player it goes on as. It is out of the indexes already.
    pub resumed: Option<Arc<Handle>>,
}

impl SessionIndex {
    pub fn new(limits: &Limits) -> Self {
        let room = limits.connections.min(ROOM_MAX);
        Self {
            sessions: BTreeMap::new(),
            by_user: HashMap::with_capacity(room),
            by_token: HashMap::with_capacity(room),
            barred: BarredList::new(limits.revocations),
            duplicate_login: DuplicateLoginRules::new(limits),
            replacements: Replacements::new(limits.connections),
            next_id: 0,
        }
    }

    /// Whether this identity could come in now. Admits nobody.
    pub fn check(&self, user: &UserId, token: &TokenFacts, unix_now: u64) -> Result<(), Refusal> {
        self.check_barred(user, token, unix_now)?;
        let others = if self.duplicate_login.policy.replaces() {
            self.held_by(user).filter(|handle| handle.is_live()).count()
        } else {
            self.held(user)
        };
        self.judge(user, others).map(drop)
    }

    /// Whether this identity is not barred.
    pub fn check_barred(
        &self,
        user: &UserId,
        token: &TokenFacts,
        unix_now: u64,
    ) -> Result<(), Refusal> {
        match self.barred.verdict(user, token, unix_now) {
            Some(entry) => Err(entry.refusal(unix_now)),
            None => Ok(()),
        }
    }

    /// Judges a new session of a user who has so many others; a refusal when it may not come in.
    fn judge(&self, user: &UserId, others: usize) -> Result<Verdict, Refusal> {
        let rules = self.duplicate_login;
        match rules.judge(user, others, &self.replacements, Instant::now()) {
            Verdict::Full => Err(RefusalKind::AlreadyConnected.into()),
            Verdict::TooOften(wait) => {
                Err(Refusal::from(RefusalKind::TooManyAttempts).retry_after(wait))
            }
            verdict => Ok(verdict),
        }
    }

    /// Reserves a place. From here on a revocation finds the handle.
    pub fn admit(
        &mut self,
        user: User,
        token: TokenFacts,
        peer: SocketAddr,
        seat: Option<OwnedSemaphorePermit>,
        unix_now: u64,
    ) -> Result<Arc<Handle>, Refusal> {
        self.replacements.prune(Instant::now());
        self.check(user.id(), &token, unix_now)?;
        self.next_id += 1;
        let handle = Handle::new(
            ConnectionId::from_u64(self.next_id),
            user,
            token,
            peer,
            seat,
        );
        self.sessions.insert(handle.id, handle.clone());
        self.by_user
            .entry(handle.user_id().clone())
            .or_insert_with(for_one)
            .push(handle.clone());
        self.index_token(&handle);
        Ok(handle)
    }

    /// The live sessions that would end if another one of this user entered.
    pub fn would_replace(&self, user: &UserId) -> Vec<Arc<Handle>> {
        if !self.duplicate_login.policy.replaces() {
            return Vec::new();
        }
        let live = self.held_by(user).filter(|handle| handle.is_live());
        live.cloned().collect()
    }

    /// The player whose connection was lost that would go on if another session of this user entered.
    pub fn would_resume(&self, user: &UserId) -> Option<Arc<Handle>> {
        self.held_by(user)
            .find(|handle| handle.is_absent())
            .cloned()
    }

    /// Pending → Live, and which sessions that ends. `None` when the handshake was abandoned meanwhile.
    pub fn enter(&mut self, handle: &Handle) -> Option<Entered> {
        let replaced = self.would_replace(handle.user_id());
        // Judged again: several handshakes of this user may have been admitted together.
        if !replaced.is_empty()
            && let Err(refusal) = self.judge(handle.user_id(), replaced.len())
        {
            handle.abandon(refusal);
            self.forget(handle);
            return None;
        }
        if !handle.enter() {
            return None;
        }
        if !replaced.is_empty() {
            self.replacements.note(handle.user_id(), Instant::now());
        }
        let absent = self.would_resume(handle.user_id());
        let resumed = absent.filter(|absent| absent.take_over());
        if let Some(resumed) = &resumed {
            self.forget(resumed);
        }
        Some(Entered { replaced, resumed })
    }

    /// Takes a session out of the indexes.
    pub fn forget(&mut self, handle: &Handle) {
        if self.sessions.remove(&handle.id).is_none() {
            return;
        }
        remove_from(&mut self.by_user, handle.user_id(), handle.id);
        if let Some(token) = &handle.token().id {
            remove_from(&mut self.by_token, token, handle.id);
        }
    }

    /// The session lasts on this token from now on: a revocation of the one before does not find it any
    /// more, one of this one does.
    pub fn renew(
        &mut self,
        handle: &Arc<Handle>,
        token: TokenFacts,
        unix_now: u64,
    ) -> Result<(), Refusal> {
        if !self.sessions.contains_key(&handle.id) || !handle.is_live() {
            return Err(Refusal::unauthorized("the session has ended"));
        }
        self.check_barred(handle.user_id(), &token, unix_now)?;
        if let Some(before) = handle.renew(token).id {
            remove_from(&mut self.by_token, &before, handle.id);
        }
        self.index_token(handle);
        Ok(())
    }

    fn index_token(&mut self, handle: &Arc<Handle>) {
        if let Some(id) = handle.token().id {
            self.by_token
                .entry(id)
                .or_insert_with(for_one)
                .push(handle.clone());
        }
    }

    /// Bars the subject. The caller fences its sessions, which stay in the indexes until then, so that
    /// another revocation at the same time waits for the same fence. When the list is full, the sessions end
    /// all the same.
    pub fn revoke(
        &mut self,
        entry: Revocation,
        unix_now: u64,
    ) -> (Vec<Arc<Handle>>, Result<(), StoreError>) {
        let found = self.find(&entry.subject);
        let listed = match entry.subject {
            Subject::Session(_) => Ok(()),
            _ => self.barred.put(entry, unix_now),
        };
        (found, listed)
    }

    /// Bars the subject and ends nobody's session.
    pub fn bar(&mut self, entry: Revocation, unix_now: u64) -> Result<(), StoreError> {
        self.barred.put(entry, unix_now)
    }

    /// The entries of a subject that count.
    pub fn barred(&self, subject: &Subject, unix_now: u64) -> Vec<Revocation> {
        self.barred.of(subject, unix_now)
    }

    /// How many sessions of this user hold a place.
    pub fn held(&self, user: &UserId) -> usize {
        self.held_by(user)
            .filter(|handle| handle.holds_place())
            .count()
    }

    /// All sessions of this user, also those that are ending.
    fn held_by(&self, user: &UserId) -> impl Iterator<Item = &Arc<Handle>> {
        self.by_user.get(user).into_iter().flatten()
    }

    /// Lets a subject come in again.
    pub fn restore(&mut self, subject: &Subject) {
        self.barred.remove(subject);
    }

    /// All sessions of a subject, pending ones included.
    pub fn find(&self, subject: &Subject) -> Vec<Arc<Handle>> {
        match subject {
            Subject::User(user) => self.by_user.get(user).cloned().unwrap_or_default(),
            Subject::Token(token) => self.by_token.get(token).cloned().unwrap_or_default(),
            Subject::Session(id) => self.sessions.get(id).cloned().into_iter().collect(),
            Subject::Everyone => self.sessions.values().cloned().collect(),
        }
    }

    /// Up to `count` sessions that came after this one, in the order of arrival.
    pub fn after(&self, last: ConnectionId, count: usize) -> Vec<Arc<Handle>> {
        let later = (Bound::Excluded(last), Bound::Unbounded);
        let later = self.sessions.range(later).take(count);
        later.map(|(_, handle)| handle.clone()).collect()
    }
}

/// Most users and tokens have one session.
fn for_one<T>() -> Vec<T> {
    Vec::with_capacity(1)
}

fn remove_from<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, Vec<Arc<Handle>>>,
    key: &K,
    id: ConnectionId,
) {
    if let Some(held) = index.get_mut(key) {
        held.retain(|handle| handle.id != id);
        if held.is_empty() {
            index.remove(key);
        }
    }
}
