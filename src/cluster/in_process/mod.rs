//! A backplane within one process, with faults to order: for tests and examples.

mod faults;
mod seats;
mod shared_state;
mod state;

pub use faults::Faults;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::backplane::{
    Backplane, BackplaneError, BackplaneFuture, Claim, Claimed, HeldSeat, Issue, ListPage,
    LogBatch, LogPosition, NodeId, Seat, SeatPlace,
};
use super::shared_state::{StateChanges, StateMap, StatePosition, StateWrite, StateWritten};
use crate::{
    identity::UserId,
    revocation::{Revocation, Subject},
    util::{Digest, Mutex, lock},
};

use state::State;

/// Frames that wait for a listener; one more is lost.
const FRAMES_WAITING: usize = 4096;

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
pub struct InProcessBackplane {
    shared: Arc<Inner>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

impl InProcessBackplane {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another way to the same backplane, with faults of its own: so a test cuts off one node.
    pub fn own_way(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            faults: Arc::default(),
        }
    }

    /// From now on this goes wrong, and nothing else, here and for clones.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
        self.shared.changed.notify_waiters();
    }

    /// A map that is of this epoch.
    #[cfg(test)]
    pub(in crate::cluster) fn set_epoch(&self, name: &str, epoch: u64) {
        let mut state = lock(&self.shared.state);
        state.maps.entry(name.into()).or_default().epoch = epoch;
    }

    /// Loses all that it knows, as a server without a disk does.
    pub fn forget(&self) {
        lock(&self.shared.state).forget();
        self.shared.changed.notify_waiters();
    }

    async fn reach(&self) -> Result<Faults, BackplaneError> {
        loop {
            let changed = self.shared.changed.notified();
            let faults = lock(&self.faults).clone();
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
            let answer = answer(&mut lock(&self.shared.state));
            self.shared.changed.notify_waiters();
            Ok(answer)
        })
    }
}

impl Backplane for InProcessBackplane {
    fn issue<'a>(&'a self, issue: &'a Issue) -> BackplaneFuture<'a, LogPosition> {
        Box::pin(async move {
            if lock(&self.faults).decisions_fail {
                return Err(BackplaneError("told to fail".to_owned()));
            }
            self.answer(|state| state.issue(issue)).await?
        })
    }

    fn tail(&self) -> BackplaneFuture<'_, LogPosition> {
        self.answer(|state| state.tail())
    }

    fn epoch(&self) -> BackplaneFuture<'_, u64> {
        self.answer(|state| state.epoch)
    }

    fn list(&self, _: Option<u64>) -> BackplaneFuture<'_, ListPage> {
        self.answer(|state| ListPage {
            subjects: state.list(),
            next: None,
        })
    }

    fn barred<'a>(&'a self, subjects: &'a [Subject]) -> BackplaneFuture<'a, Vec<Revocation>> {
        self.answer(move |state| state.barred(subjects))
    }

    fn read(&self, after: LogPosition, wait: Duration) -> BackplaneFuture<'_, LogBatch> {
        Box::pin(async move {
            let until = tokio::time::Instant::now() + wait;
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let faults = self.reach().await?;
                let (batch, more) = lock(&self.shared.state).read(after, &faults);
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

    fn renew<'a>(
        &'a self,
        seats: &'a [HeldSeat],
        lifetime: Duration,
    ) -> BackplaneFuture<'a, Vec<SeatPlace>> {
        self.answer(move |state| state.seats.renew(seats, lifetime))
    }

    fn release<'a>(&'a self, seats: &'a [Seat]) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| state.seats.release(seats))
    }

    fn report<'a>(
        &'a self,
        node: &'a NodeId,
        players: usize,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| state.report(node, players, lifetime))
    }

    fn sessions_of<'a>(&'a self, user: &'a UserId) -> BackplaneFuture<'a, usize> {
        self.answer(move |state| state.seats.of(user))
    }

    fn players(&self) -> BackplaneFuture<'_, usize> {
        self.answer(|state| state.players())
    }

    fn put_ticket<'a>(
        &'a self,
        hash: &'a Digest,
        ticket: Bytes,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        self.answer(move |state| state.put_ticket(hash, ticket, lifetime))
    }

    fn take_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        self.answer(move |state| state.take_ticket(hash))
    }

    fn look_at_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        self.answer(move |state| state.ticket(hash))
    }

    fn publish<'a>(&'a self, frames: &'a [Bytes]) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            let faults = self.reach().await?;
            let mut state = lock(&self.shared.state);
            state.listeners.retain(|listener| !listener.is_closed());
            for frame in frames {
                for listener in &state.listeners {
                    faults.deliver(listener, frame);
                }
            }
            Ok(())
        })
    }

    fn listen<'a>(&'a self, hear: &'a (dyn Fn(Bytes) + Send + Sync)) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            self.reach().await?;
            let (listener, mut frames) = mpsc::channel(FRAMES_WAITING);
            lock(&self.shared.state).listeners.push(listener);
            while let Some(frame) = frames.recv().await {
                self.reach().await?;
                hear(frame);
            }
            Ok(())
        })
    }

    fn shares_state(&self) -> bool {
        true
    }

    fn write_state<'a>(
        &'a self,
        map: &'a StateMap,
        writes: &'a [StateWrite],
    ) -> BackplaneFuture<'a, Vec<StateWritten>> {
        self.answer(move |state| {
            let shared = state.maps.entry(map.name.clone()).or_default();
            shared.write(map, writes)
        })
    }

    fn read_state<'a>(
        &'a self,
        name: &'a str,
        after: Option<StatePosition>,
    ) -> BackplaneFuture<'a, StateChanges> {
        self.answer(move |state| {
            let shared = state.maps.entry(name.into()).or_default();
            shared.read(after)
        })
    }
}
