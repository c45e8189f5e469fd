//! The one task that fetches, and what it has told so far.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{Notify, Semaphore, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    fetch::{FetchError, Fetcher},
    options::RemoteKeyOptions,
    source::Source,
};
use crate::{
    auth::keys::{KeySet, VerifyingKey},
    identity::Refusal,
};

/// What those who look keys up share with the task that fetches them.
pub(super) struct Refresh {
    pub source: Source,
    fetcher: Fetcher,
    options: RemoteKeyOptions,
    known: watch::Sender<Known>,
    /// Notified by a token that names an unknown key.
    demand: Notify,
    waiting: Semaphore,
}

/// All that is known at one moment.
struct Known {
    good: Option<Good>,
    /// How many fetches have ended, well or not.
    fetches: u64,
    /// No fetch begins before. Once it is over, one is under way or begins on demand.
    resting_until: Instant,
}

/// The last set that was good.
struct Good {
    keys: KeySet,
    since: Instant,
}

impl Refresh {
    pub fn new(source: Source, fetcher: Fetcher, options: RemoteKeyOptions) -> Self {
        let nothing = Known {
            good: None,
            fetches: 0,
            resting_until: Instant::now(),
        };
        Self {
            waiting: Semaphore::new(options.most_waiting),
            source,
            fetcher,
            options,
            known: watch::Sender::new(nothing),
            demand: Notify::new(),
        }
    }

    /// The key of this name, if there is one. 503 without a set that is good and not too old.
    pub fn look_up(&self, id: Option<&str>) -> Result<Option<Arc<VerifyingKey>>, Refusal> {
        let known = self.known.borrow();
        match &known.good {
            None => Err(Refusal::unavailable("no keys have been fetched yet")),
            Some(good) if good.since.elapsed() > self.options.longest_staleness => {
                Err(Refusal::unavailable("the keys are too old"))
            }
            Some(good) => Ok(good.keys.find(id).cloned()),
        }
    }

    /// Asks for a fetch, and waits for its end unless it has to come later. 503 when too many wait for
    /// it already: they hold up nobody whose key is known.
    pub async fn refetch(&self) -> Result<(), Refusal> {
        let mut known = self.known.subscribe();
        let (fetches, resting_until, usable) = {
            let known = known.borrow_and_update();
            (known.fetches, known.resting_until, known.good.is_some())
        };
        self.demand.notify_waiters();
        if resting_until > Instant::now() {
            return Ok(());
        }
        let turn = self.waiting.try_acquire();
        if turn.is_err() && usable {
            return Err(Refusal::unavailable("too many wait for other keys"));
        }
        // Fails when the sender is gone, which `self` holds.
        let _ = known.wait_for(|known| known.fetches > fetches).await;
        Ok(())
    }

    /// Fetches at once, then whenever it is time, and on demand in between.
    pub async fn run(self: Arc<Self>) {
        loop {
            let rest = self.known.borrow().resting_until;
            sleep_until(rest).await;
            let load = self.source.load(&self.fetcher);
            let loaded = timeout(self.options.timeout, load).await;
            // Made before anybody can know that this fetch has ended, it misses no later demand.
            let demanded = self.demand.notified();
            let pause = self.publish(loaded.unwrap_or(Err(FetchError::Timeout)));
            select! {
                () = demanded => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Takes the set as a whole, or keeps the last one. Returns when to fetch again.
    fn publish(&self, loaded: Result<KeySet, FetchError>) -> Duration {
        let pause = match &loaded {
            Ok(_) => self.options.refresh_interval,
            Err(_) => self.options.minimum_interval,
        };
        self.log(&loaded);
        self.known.send_modify(|known| {
            let now = Instant::now();
            if let Ok(keys) = loaded {
                known.good = Some(Good { keys, since: now });
            }
            known.fetches += 1;
            known.resting_until = now + self.options.minimum_interval;
        });
        pause
    }

    fn log(&self, loaded: &Result<KeySet, FetchError>) {
        let url = &self.source;
        let usable = self.look_up(None).is_ok();
        match loaded {
            Ok(keys) if usable => tracing::debug!(%url, ?keys, "keys fetched"),
            Ok(keys) => tracing::info!(%url, ?keys, "keys fetched"),
            Err(error) if usable => {
                tracing::warn!(%url, %error, "keys could not be fetched, the last ones stay");
            }
            Err(error) => {
                tracing::error!(%url, %error, "keys could not be fetched, nobody can come in");
            }
        }
    }
}
