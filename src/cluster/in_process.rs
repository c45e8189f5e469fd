//! A backplane within one process, with faults to order: for tests and examples.

use std::{
    collections::HashMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::{
    backplane::{
        Backplane, BackplaneError, BackplaneFuture, Claim, Claimed, Issue, ListPage, LogBatch,
        LogPosition, NodeId, Seat,
    },
    decide,
};
use crate::{
    identity::{ConnectionId, UserId},
    revocation::{Decision, Revocation, Subject},
    util::{Digest, Mutex, lock, unix_now},
};

/// Frames that wait for a listener; one more is lost.
const FRAMES_WAITING: usize = 4096;
const FLAP_WINDOW: Duration = Duration::from_secs(60);

/// What goes wrong in an [`InProcessBackplane`]. By default nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// The share of frames that are lost, 0 to 1.
    pub frames_lost: f64,
    /// The share of frames that come twice, 0 to 1.
    pub frames_twice: f64,
    /// How late frames come: by chance within the range, so that they overtake each other.
    pub frame_delay: Range<Duration>,
    /// How late entries of the control log come.
    pub log_delay: Duration,
    /// Whether entries of the control log come twice, also those that were read before.
    pub log_twice: bool,
    /// Whether every question fails.
    pub unreachable: bool,
    /// Whether every question stays without an answer.
    pub silent: bool,
}

/// A [`Backplane`] within one process, for tests and examples. Clones are the same backplane. It keeps
/// its log for as long as it lives.
///
/// ```
/// use bevy_bouncer::{Faults, InProcessBackplane};
///
/// let backplane = InProcessBackplane::new();
/// backplane.set_faults(Faults { frames_lost: 0.1, ..Faults::default() });
/// ```
#[derive(Clone, Default)]
pub struct InProcessBackplane(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    faults: Mutex<Faults>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    log: Vec<(Instant, Issue)>,
    list: HashMap<Subject, Vec<Revocation>>,
    issued: HashMap<(NodeId, u64), LogPosition>,
    seats: HashMap<UserId, HashMap<(NodeId, ConnectionId), Instant>>,
    replaced: HashMap<UserId, Vec<Instant>>,
    reports: HashMap<NodeId, (usize, Instant)>,
    tickets: HashMap<Digest, (Bytes, Instant)>,
    listeners: Vec<mpsc::Sender<Bytes>>,
}

fn position(length: usize) -> LogPosition {
    LogPosition {
        major: 0,
        minor: length as u64,
    }
}

impl State {
    fn append(&mut self, issue: Issue) -> LogPosition {
        self.log.push((Instant::now(), issue));
        position(self.log.len())
    }

    fn issue(&mut self, issue: &Issue) -> Result<LogPosition, BackplaneError> {
        let key = (issue.node.clone(), issue.number);
        if let Some(known) = self.issued.get(&key) {
            return Ok(*known);
        }
        if let Some(subject) = issue.decision.subject() {
            let held = self.list.get(subject).cloned().unwrap_or_default();
            let held = decide(held, &issue.decision, unix_now())?;
            match held.is_empty() {
                true => self.list.remove(subject),
                false => self.list.insert(subject.clone(), held),
            };
        }
        let position = self.append(issue.clone());
        self.issued.insert(key, position);
        Ok(position)
    }

    fn claim(&mut self, claim: &Claim) -> Claimed {
        let now = Instant::now();
        let user = &claim.seat.user;
        let seats = self.seats.entry(user.clone()).or_default();
        seats.retain(|_, until| *until > now);
        let own = (claim.seat.node.clone(), claim.seat.connection);
        // What happens on one node is that node's own affair.
        let is_elsewhere = |seat: &&(NodeId, ConnectionId)| seat.0 != own.0;
        let others: Vec<_> = seats.keys().filter(is_elsewhere).cloned().collect();
        let elsewhere = others.len();
        if !claim.policy.replaces() {
            if elsewhere + claim.held_here > claim.sessions {
                return Claimed::Full;
            }
            seats.insert(own, now + claim.lifetime);
            return Claimed::Yes;
        }
        let replaced = self.replaced.entry(user.clone()).or_default();
        replaced.retain(|at| now.duration_since(*at) < FLAP_WINDOW);
        if !claim.entered {
            return match replaced.first() {
                Some(first) if elsewhere > 0 && replaced.len() >= claim.replacements_per_minute => {
                    Claimed::TooOften(FLAP_WINDOW.saturating_sub(first.elapsed()))
                }
                _ => Claimed::Yes,
            };
        }
        if elsewhere > 0 {
            replaced.push(now);
        }
        seats.retain(|seat, _| !others.contains(seat));
        seats.insert(own, now + claim.lifetime);
        for (node, connection) in others {
            self.append(Issue {
                number: 0,
                node: claim.seat.node.clone(),
                decision: Decision::Replace {
                    node: node.0,
                    connection,
                },
            });
        }
        Claimed::Yes
    }

    /// What is in the log after a position by now, and when there is more.
    fn read(&self, after: LogPosition, faults: &Faults) -> (LogBatch, Option<Instant>) {
        let first = usize::try_from(after.minor).unwrap_or(usize::MAX);
        let mut batch = LogBatch {
            gap: first > self.log.len(),
            complete: true,
            ..LogBatch::default()
        };
        let mut more = None;
        let begin = first.saturating_sub(usize::from(faults.log_twice));
        for (place, (at, issue)) in self.log.iter().enumerate().skip(begin) {
            let due = *at + faults.log_delay;
            if due > Instant::now() {
                batch.complete = false;
                more = Some(due);
                break;
            }
            for _ in 0..=usize::from(faults.log_twice) {
                let entry = (position(place + 1), Some(issue.clone()));
                batch.entries.push(entry);
            }
        }
        if batch.entries.last().is_some_and(|(last, _)| *last <= after) {
            batch.entries.clear();
        }
        (batch, more)
    }
}

impl InProcessBackplane {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this goes wrong, and nothing else.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.0.faults) = faults;
        self.0.changed.notify_waiters();
    }

    async fn reach(&self) -> Result<Faults, BackplaneError> {
        loop {
            let changed = self.0.changed.notified();
            let faults = lock(&self.0.faults).clone();
            if faults.unreachable {
                return Err(BackplaneError("told to fail".to_owned()));
            }
            if !faults.silent {
                return Ok(faults);
            }
            changed.await;
        }
    }

    /// Answers from the state, unless the faults are against it.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        answer: impl FnOnce(&mut State) -> T + Send + 'a,
    ) -> BackplaneFuture<'a, T> {
        Box::pin(async {
            self.reach().await?;
            let answer = answer(&mut lock(&self.0.state));
            self.0.changed.notify_waiters();
            Ok(answer)
        })
    }
}

impl Backplane for InProcessBackplane {
    fn issue<'a>(&'a self, issue: &'a Issue) -> BackplaneFuture<'a, LogPosition> {
        Box::pin(async move { self.answer(|state| state.issue(issue)).await? })
    }

    fn tail(&self) -> BackplaneFuture<'_, LogPosition> {
        self.answer(|state| position(state.log.len()))
    }

    fn list(&self, _: Option<u64>) -> BackplaneFuture<'_, ListPage> {
        self.answer(|state| ListPage {
            subjects: state.list.clone().into_iter().collect(),
            next: None,
        })
    }

    fn barred<'a>(&'a self, subjects: &'a [Subject]) -> BackplaneFuture<'a, Vec<Revocation>> {
        self.answer(move |state| {
            let found = subjects
                .iter()
                .filter_map(|subject| state.list.get(subject));
            found.flatten().cloned().collect()
        })
    }

    fn read(&self, after: LogPosition, wait: Duration) -> BackplaneFuture<'_, LogBatch> {
        Box::pin(async move {
            let until = tokio::time::Instant::now() + wait;
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let faults = self.reach().await?;
                let (batch, more) = lock(&self.0.state).read(after, &faults);
                if batch.gap || !batch.entries.is_empty() {
                    return Ok(batch);
                }
                let until = match more {
                    Some(due) => due.into(),
                    None if tokio::time::Instant::now() >= until => return Ok(batch),
                    None => until,
                };
                let _ = tokio::time::timeout_at(until, changed).await;
            }
        })
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BackplaneFuture<'a, Claimed> {
        self.answer(|state| state.claim(claim))
    }

    fn renew<'a>(&'a self, seats: &'a [Seat], lifetime: Duration) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| {
            for seat in seats {
                let held = state.seats.entry(seat.user.clone()).or_default();
                let until = Instant::now() + lifetime;
                held.insert((seat.node.clone(), seat.connection), until);
            }
        })
    }

    fn release<'a>(&'a self, seats: &'a [Seat]) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| {
            for seat in seats {
                if let Some(held) = state.seats.get_mut(&seat.user) {
                    held.remove(&(seat.node.clone(), seat.connection));
                }
            }
            let now = Instant::now();
            state
                .seats
                .retain(|_, held| held.values().any(|until| *until > now));
        })
    }

    fn report<'a>(
        &'a self,
        node: &'a NodeId,
        players: usize,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| {
            let report = (players, Instant::now() + lifetime);
            state.reports.insert(node.clone(), report);
        })
    }

    fn sessions_of<'a>(&'a self, user: &'a UserId) -> BackplaneFuture<'a, usize> {
        self.answer(move |state| {
            let held = state.seats.get(user).into_iter().flatten();
            held.filter(|(_, until)| **until > Instant::now()).count()
        })
    }

    fn players(&self) -> BackplaneFuture<'_, usize> {
        self.answer(move |state| {
            let alive = state.reports.values();
            let alive = alive.filter(|(_, until)| *until > Instant::now());
            alive.map(|(players, _)| players).sum()
        })
    }

    fn put_ticket<'a>(
        &'a self,
        hash: &'a Digest,
        ticket: Bytes,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| {
            let now = Instant::now();
            state.tickets.retain(|_, (_, until)| *until > now);
            state.tickets.insert(*hash, (ticket, now + lifetime));
        })
    }

    fn take_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        self.answer(move |state| {
            let (ticket, until) = state.tickets.remove(hash)?;
            (until > Instant::now()).then_some(ticket)
        })
    }

    fn look_at_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        self.answer(move |state| {
            let (ticket, until) = state.tickets.get(hash)?;
            (*until > Instant::now()).then(|| ticket.clone())
        })
    }

    fn publish<'a>(&'a self, frames: &'a [Bytes]) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            let faults = self.reach().await?;
            let mut state = lock(&self.0.state);
            state.listeners.retain(|listener| !listener.is_closed());
            for frame in frames {
                for listener in &state.listeners {
                    if happens(faults.frames_lost) {
                        continue;
                    }
                    deliver(listener, frame, &faults.frame_delay);
                    if happens(faults.frames_twice) {
                        deliver(listener, frame, &faults.frame_delay);
                    }
                }
            }
            Ok(())
        })
    }

    fn listen<'a>(&'a self, hear: &'a (dyn Fn(Bytes) + Send + Sync)) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            self.reach().await?;
            let (listener, mut frames) = mpsc::channel(FRAMES_WAITING);
            lock(&self.0.state).listeners.push(listener);
            while let Some(frame) = frames.recv().await {
                hear(frame);
            }
            Ok(())
        })
    }
}

fn deliver(listener: &mpsc::Sender<Bytes>, frame: &Bytes, delay: &Range<Duration>) {
    if delay.end.is_zero() {
        // A listener that is behind loses frames.
        let _ = listener.try_send(frame.clone());
        return;
    }
    let wait = delay.start + delay.end.saturating_sub(delay.start).mul_f64(chance());
    let (listener, frame) = (listener.clone(), frame.clone());
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        let _ = listener.try_send(frame);
    });
}

/// Somewhere from 0 to 1; 1 without random numbers.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

fn happens(share: f64) -> bool {
    share > 0.0 && chance() <= share
}
