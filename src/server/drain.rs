//! The task that carries a drain out: once the game knows, it tells the players, batch by batch, waits
//! for them to leave and for the store, and resets the connections that are left at the deadline.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until, timeout_at};

use super::Server;
use crate::{
    connection::{Fence, Handle},
    drain::Order,
    identity::ConnectionId,
    registry::Registry,
};

/// From one batch to the next.
const PACE: Duration = Duration::from_millis(50);
/// Sessions that are cut at the deadline before others of the runtime have a turn.
const STRIDE: usize = 64;
/// How long the cut sessions' tasks may take to reset their sockets.
const RESET_TIME: Duration = Duration::from_millis(250);

/// Waits for an order, and carries it out.
pub(crate) async fn run(server: Arc<Server>) {
    let registry = &server.registry;
    let drain = &registry.drain;
    drain.ordered().await;
    // A game that sleeps until something arrives has to hear of it.
    registry.wake_game();
    let mut last = ConnectionId::from_u64(0);
    while let Some(order) = drain.order() {
        let now = Instant::now();
        if now >= order.refuse_until {
            server.close_listener();
        }
        if *server.stopping.borrow() {
            return; // The app ends, and closes every session itself.
        }
        if registry.occupied() == 0 || now >= order.deadline {
            break;
        }
        if drain.is_announced() {
            let count = batch(
                &order,
                now,
                registry.occupied().saturating_sub(drain.staying()),
            );
            for handle in registry.after(last, count) {
                last = handle.id;
                tell(registry, &handle, &order, Fence::AfterQueue);
            }
        }
        sleep_until((now + PACE).min(order.deadline).into()).await;
    }
    if registry.occupied() > 0 {
        cut(registry).await;
    }
    server.close_listener();
    store_the_rest(registry).await;
    let report = drain.finish();
    tracing::info!(
        told = report.told,
        in_order = report.in_order,
        aborted = report.aborted,
        "drained"
    );
    registry.wake_game();
}

/// What was decided is stored before the drain is over, if the store takes it in time.
async fn store_the_rest(registry: &Registry) {
    let Some(order) = registry.drain.order() else {
        return;
    };
    if timeout_at(order.deadline.into(), registry.journal.emptied())
        .await
        .is_err()
    {
        let unsaved = registry.journal.subjects().len();
        tracing::error!(
            unsaved,
            "the drain is over before everything that was decided is stored"
        );
    }
}

/// How many to tell now, so that all are told at three quarters of the deadline.
fn batch(order: &Order, now: Instant, left: usize) -> usize {
    let told_by = order.begun + (order.deadline - order.begun) * 3 / 4;
    let time = told_by.saturating_duration_since(now);
    let batches = usize::try_from(time.as_millis() / PACE.as_millis()).unwrap_or(usize::MAX);
    left.div_ceil(batches.saturating_add(1)).max(order.batch)
}

/// Sends one player away, or answers the handshake that is under way.
fn tell(registry: &Registry, handle: &Arc<Handle>, order: &Order, fence: Fence) {
    if !registry.abandon(handle, order.refusal()) {
        registry.send_away(handle, order.close_reason(), fence);
    }
}

/// The hard stop: no client is waited for any more.
async fn cut(registry: &Registry) {
    let drain = &registry.drain;
    let mut last = ConnectionId::from_u64(0);
    while let Some(order) = drain.order() {
        let found = registry.after(last, STRIDE);
        let Some(furthest) = found.last() else {
            break;
        };
        last = furthest.id;
        for handle in &found {
            tell(registry, handle, &order, Fence::Now);
        }
        tokio::task::yield_now().await;
    }
    drain.cut();
    let at_the_latest = Instant::now() + RESET_TIME;
    while drain.staying() > 0 && Instant::now() < at_the_latest {
        sleep(PACE / 10).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::{Drain, DrainState};

    #[test]
    fn many_are_spread_over_three_quarters_of_the_deadline_and_few_are_not_held_up() {
        let drain = DrainState::default();
        drain.begin(Drain::within(Duration::from_secs(20)).batch(3));
        let order = drain.order().unwrap();
        let mut left = 9000;
        let mut told = Vec::new();
        let mut now = order.begun;
        while left > 0 {
            told.push(batch(&order, now, left).min(left));
            left -= told[told.len() - 1];
            now += PACE;
        }
        assert!((now - order.begun).as_secs_f64() > 14.9);
        assert!((now - order.begun).as_secs_f64() <= 15.1);
        assert!(told.iter().all(|count| (29..=31).contains(count)));
        assert_eq!(batch(&order, order.begun, 2), 3);
        let late = order.begun + Duration::from_secs(16);
        assert_eq!(batch(&order, late, 5000), 5000);
    }
}
