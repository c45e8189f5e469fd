//! The handshakes that are under way: so many at once.
//!
//! An attacker who sends half a request from each of many addresses could hold all the places for as long
//! as a head may take. So when there is none left, the newcomer gets the place of the client that has kept
//! the door waiting for a complete head the longest. A second of it is every client's right, or else a rush
//! of honest players would only throw each other out; an address that has spent its handshake budget has no
//! such right.
//!
//! With two places, Ann waiting for 3 s, Ben for 2 s and Eve new: Eve gets Ann's place. With Ann and Ben
//! waiting for half a second each, Eve gets 503.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::util::{Mutex, lock};

/// How long the door waits for a head before the place may go to another client.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(crate) struct PendingHandshakes {
    most: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    taken: usize,
    /// Of the next place.
    number: u64,
    /// The handshakes whose head is not complete, by the time from which they have to give way.
    unheard: BTreeMap<Turn, Arc<Notify>>,
}

type Turn = (Instant, u64);

/// Whether an address has handshakes left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    Left,
    Spent,
}

impl PendingHandshakes {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            table: Mutex::default(),
        })
    }

    /// A place, perhaps that of another client. `None` when none of them has to give way. A newcomer
    /// whose budget is spent has to from the beginning.
    pub fn enter(self: &Arc<Self>, budget: Budget) -> Option<PendingHandshake> {
        let now = Instant::now();
        let mut table = lock(&self.table);
        if table.taken < self.most {
            table.taken += 1;
        } else {
            let first = table.unheard.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            first.remove().notify_one();
        }
        let patience = match budget {
            Budget::Left => PATIENCE,
            Budget::Spent => Duration::ZERO,
        };
        let turn = (now + patience, table.number);
        table.number += 1;
        let called = Arc::new(Notify::new());
        table.unheard.insert(turn, called.clone());
        Some(PendingHandshake {
            turn,
            called,
            handshakes: Arc::clone(self),
            is_heard: false.into(),
        })
    }
}

/// One place. Dropping it makes room, unless it went to another client.
pub(crate) struct PendingHandshake {
    turn: Turn,
    called: Arc<Notify>,
    handshakes: Arc<PendingHandshakes>,
    is_heard: AtomicBool,
}

impl PendingHandshake {
    /// The head is complete: the place is kept until the end. False when it is gone already.
    pub fn heard(&self) -> bool {
        let mut table = lock(&self.handshakes.table);
        let is_ours = table.unheard.remove(&self.turn).is_some();
        self.is_heard.store(is_ours, Ordering::Relaxed);
        is_ours
    }

    /// Waits until the place is another client's.
    pub async fn gives_way(&self) {
        self.called.notified().await;
    }
}

impl Drop for PendingHandshake {
    fn drop(&mut self) {
        let mut table = lock(&self.handshakes.table);
        let is_ours = *self.is_heard.get_mut() || table.unheard.remove(&self.turn).is_some();
        if is_ours {
            table.taken -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the place went to another client.
    fn is_gone(place: &PendingHandshake) -> bool {
        !lock(&place.handshakes.table)
            .unheard
            .contains_key(&place.turn)
    }

    fn long_ago(place: &mut PendingHandshake) {
        let mut table = lock(&place.handshakes.table);
        let called = table.unheard.remove(&place.turn).unwrap();
        place.turn.0 -= PATIENCE;
        table.unheard.insert(place.turn, called);
    }

    #[test]
    fn a_client_that_has_just_come_keeps_the_place() {
        let handshakes = PendingHandshakes::new(2);
        let first = handshakes.enter(Budget::Left).unwrap();
        let _second = handshakes.enter(Budget::Left).unwrap();
        assert!(handshakes.enter(Budget::Left).is_none());
        drop(first);
        let _third = handshakes.enter(Budget::Left).unwrap();
        assert!(handshakes.enter(Budget::Left).is_none());
    }

    #[tokio::test]
    async fn p11_the_longest_silent_one_gives_way() {
        let handshakes = PendingHandshakes::new(3);
        let [mut heard, mut newer, mut oldest] =
            [(); 3].map(|()| handshakes.enter(Budget::Left).unwrap());
        long_ago(&mut heard);
        assert!(heard.heard());
        long_ago(&mut newer);
        long_ago(&mut oldest);
        long_ago(&mut oldest);

        let next = handshakes.enter(Budget::Left).unwrap();
        oldest.gives_way().await;
        assert!(!oldest.heard(), "too late");
        assert!(is_gone(&oldest) && !is_gone(&newer));
        drop(oldest);
        let _after = handshakes.enter(Budget::Left).unwrap();
        newer.gives_way().await;
        assert!(
            handshakes.enter(Budget::Left).is_none(),
            "one is heard, two are new"
        );

        // Of the places, three are taken: the two that went to others are counted once.
        drop((newer, next));
        let _last = handshakes.enter(Budget::Left).unwrap();
        assert!(handshakes.enter(Budget::Left).is_none());
        drop(heard);
        assert!(handshakes.enter(Budget::Left).is_some());
    }

    #[tokio::test]
    async fn an_address_that_has_spent_its_budget_gives_way_at_once() {
        let handshakes = PendingHandshakes::new(2);
        let left = handshakes.enter(Budget::Left).unwrap();
        let spent = handshakes.enter(Budget::Spent).unwrap();
        let _next = handshakes.enter(Budget::Left).unwrap();
        spent.gives_way().await;
        assert!(!is_gone(&left));
        assert!(handshakes.enter(Budget::Left).is_none());
    }
}
