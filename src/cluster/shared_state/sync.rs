//! Writes to the backplane what waits, and reads what is new, for as long as the server runs.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{exchange::StateWrite, replica::Numbered, state::SharedState};
use crate::{
    cluster::{backplane::BackplaneError, node::Node},
    util::{Backoff, GameWaker, lock},
};

/// How often it is asked what is new.
const PERIOD: Duration = Duration::from_millis(50);
/// Writes that go with one question.
const BATCH: usize = 256;

/// See the module's documentation.
pub(crate) async fn run(node: Arc<Node>, waker: GameWaker) {
    let mut backoff = Backoff::default();
    let mut is_failing = false;
    loop {
        let done = exchange(&node).await;
        if node.states.all().iter().any(has_news) {
            node.states.signal.has_news.store(true, Ordering::Release);
            waker.wake();
        }
        match done {
            Ok(()) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("shared state is exchanged again");
                }
                backoff.reset();
                let _ = timeout(PERIOD, node.states.signal.waits.notified()).await;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "shared state cannot be exchanged, which is tried again");
                }
                backoff.wait().await;
            }
        }
    }
}

fn has_news(map: &SharedState) -> bool {
    lock(&map.replica).has_news()
}

async fn exchange(node: &Node) -> Result<(), BackplaneError> {
    let maps = node.states.all();
    for map in maps.iter().filter(|map| !map.is_local()) {
        write(node, map).await?;
        read(node, map).await?;
    }
    Ok(())
}

async fn write(node: &Node, map: &SharedState) -> Result<(), BackplaneError> {
    loop {
        let batch = lock(&map.replica).take_batch(BATCH, Instant::now());
        if batch.is_empty() {
            return Ok(());
        }
        let mut flight = Flight { map, batch };
        let writes: Vec<StateWrite> = flight.batch.iter().map(|one| one.1.clone()).collect();
        let state = lock(&map.replica).map.clone();
        let answers = node
            .client
            .ask(|backplane| backplane.write_state(&state, &writes))
            .await?;
        if answers.len() != writes.len() {
            return Err(BackplaneError("an answer is missing".to_owned()));
        }
        let now = Instant::now();
        let batch = std::mem::take(&mut flight.batch);
        let mut replica = lock(&map.replica);
        for (one, answer) in batch.into_iter().zip(answers) {
            replica.answered(one, answer, now);
        }
    }
}

/// Writes on their way: without an answer they wait again.
struct Flight<'a> {
    map: &'a SharedState,
    batch: Vec<Numbered>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.batch.is_empty() {
            lock(&self.map.replica).put_back(std::mem::take(&mut self.batch));
        }
    }
}

async fn read(node: &Node, map: &SharedState) -> Result<(), BackplaneError> {
    loop {
        let position = lock(&map.replica).position();
        let asked = Instant::now();
        let changes = node
            .client
            .ask(|backplane| backplane.read_state(&map.name, position))
            .await?;
        let is_complete = changes.complete;
        lock(&map.replica).apply(changes, asked, Instant::now());
        if is_complete {
            return Ok(());
        }
    }
}
