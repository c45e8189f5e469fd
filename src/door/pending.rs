//! The handshakes that are under way: so many at once.
//!
//! Somebody who sends half a request from each of many addresses could hold all the places for as long
//! as a head may take. So when there is none left, the newcomer gets the place of whoever has kept the
//! door waiting for a complete head the longest. A second of it is everybody's right, or else a rush of
//! honest players would only throw each other out; who has used up its address's handshakes has none.

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

/// How long the door waits for a head before the place may go to somebody else.
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
    /// Whose head is not complete, by the time from which they have to give way.
    unheard: BTreeMap<Turn, Arc<Notify>>,
}

type Turn = (Instant, u64);

impl PendingHandshakes {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            table: Mutex::default(),
        })
    }

    /// A place, perhaps somebody else's. `None` when nobody has to give way. Who has not `paid` has to
    /// from the beginning.
    pub fn enter(self: &Arc<Self>, paid: bool) -> Option<PendingHandshake> {
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
        let patience = if paid { PATIENCE } else { Duration::ZERO };
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

/// One place. Dropping it makes room, unless it went to somebody else.
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

    /// Waits until the place is somebody else's.
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

    /// Whether the place went to somebody else.
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
    fn whoever_has_just_come_keeps_the_place() {
        let handshakes = PendingHandshakes::new(2);
        let first = handshakes.enter(true).unwrap();
        let _second = handshakes.enter(true).unwrap();
        assert!(handshakes.enter(true).is_none());
        drop(first);
        let _third = handshakes.enter(true).unwrap();
        assert!(handshakes.enter(true).is_none());
    }

    #[tokio::test]
    async fn p11_the_longest_silent_one_gives_way() {
        let handshakes = PendingHandshakes::new(3);
        let [mut heard, mut newer, mut oldest] = [(); 3].map(|()| handshakes.enter(true).unwrap());
        long_ago(&mut heard);
        assert!(heard.heard());
        long_ago(&mut newer);
        long_ago(&mut oldest);
        long_ago(&mut oldest);

        let next = handshakes.enter(true).unwrap();
        oldest.gives_way().await;
        assert!(!oldest.heard(), "too late");
        assert!(is_gone(&oldest) && !is_gone(&newer));
        drop(oldest);
        let _after = handshakes.enter(true).unwrap();
        newer.gives_way().await;
        assert!(
            handshakes.enter(true).is_none(),
            "one is heard, two are new"
        );

        // Of the places, three are taken: the two that went to others are counted once.
        drop((newer, next));
        let _last = handshakes.enter(true).unwrap();
        assert!(handshakes.enter(true).is_none());
        drop(heard);
        assert!(handshakes.enter(true).is_some());
    }

    #[tokio::test]
    async fn who_has_not_paid_gives_way_at_once() {
        let handshakes = PendingHandshakes::new(2);
        let paid = handshakes.enter(true).unwrap();
        let unpaid = handshakes.enter(false).unwrap();
        let _next = handshakes.enter(true).unwrap();
        unpaid.gives_way().await;
        assert!(!is_gone(&paid));
        assert!(handshakes.enter(true).is_none());
    }
}
