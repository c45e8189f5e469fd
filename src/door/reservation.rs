//! A verified player's place: taken in the registry and in the fleet, and then the game has its word.

use std::{future::poll_fn, net::SocketAddr, sync::Arc, time::SystemTime};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout_at},
};

use super::Door;
use crate::{
    bridge::Arrival,
    connection::{Fence, Handle, Inbound, Outbound},
    identity::{Admission, DisconnectReason, Refusal, RefusalKind},
    registry::Registry,
    session::Session,
    transport::Transport,
};

/// A player who is in the registry. Dropped anywhere before the session has taken over, also by a
/// panic, it takes the player out again.
pub(super) struct Reservation {
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    registry: Arc<Registry>,
    handed_over: bool,
}

impl Reservation {
    pub fn handle(&self) -> &Arc<Handle> {
        &self.inbound.handle
    }

    /// Hands the player over to the session.
    pub fn begin_session<S: Transport>(mut self, stream: S, door: &Door) -> Box<Session<S>> {
        self.handed_over = true;
        Box::new(Session::new(
            stream,
            self.inbound.clone(),
            self.outbound.clone(),
            self.registry.clone(),
            door.limits.clone(),
        ))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.handed_over {
            return;
        }
        let handle = self.handle();
        if !self.registry.abandon(handle, RefusalKind::Timeout.into()) {
            // Does nothing when the end was reported already.
            let close_reason = DisconnectReason::ConnectionLost.into();
            self.registry.leave(handle, close_reason, Fence::Now);
        }
    }
}

/// Takes a place in the registry and waits for the game's word.
///
/// # Errors
/// The refusal that the client gets; then the place is free again.
pub(super) async fn reserve<S: Transport>(
    door: &Door,
    stream: &mut S,
    peer: SocketAddr,
    subprotocol: Option<String>,
    admission: Admission,
    deadline: Instant,
) -> Result<Reservation, Refusal> {
    let registry = door.server.registry.clone();
    let handle = registry.admit(admission.user.clone(), admission.token.clone(), peer)?;
    if !admission.owned.is_empty() {
        handle.own(admission.owned.clone());
    }
    let reservation = Reservation {
        inbound: door.network.inbound(handle.clone()),
        outbound: Arc::new(Outbound::new(handle.clone(), &door.limits)),
        registry: registry.clone(),
        handed_over: false,
    };
    // Only now that a decision of another node finds the handle.
    reserve_seat(door, &handle, deadline).await?;
    let (answer, answered) = oneshot::channel();
    let arrival = Arrival {
        handle: handle.clone(),
        admission,
        subprotocol: subprotocol.map(Arc::from),
        since: SystemTime::now(),
        inbound: reservation.inbound.clone(),
        outbound: reservation.outbound.clone(),
        answer,
    };
    if !door.network.arrive(arrival) {
        return Err(Refusal::unavailable("too many players wait for the game"));
    }
    wait_for_game(door, stream, &reservation, answered, deadline).await?;
    if let Some(node) = door.server.node() {
        node.take_over(&handle).await?;
    }
    Ok(reservation)
}

/// Asks what all nodes share whether the player is barred, and for a seat.
async fn reserve_seat(door: &Door, handle: &Handle, deadline: Instant) -> Result<(), Refusal> {
    let Some(node) = door.server.node() else {
        return Ok(());
    };
    let asked = async {
        node.check_barred(handle.user_id(), &handle.token()).await?;
        let seat = node.reserve(handle, &door.server.registry).await?;
        handle.keep(Box::new(seat));
        Ok(())
    };
    timeout_at(deadline, asked)
        .await
        .unwrap_or_else(|_| Err(Refusal::unavailable("the backplane took too long")))
}

/// Waits for the first to decide: the game, which lets the player in or not, or a deadline, a hang-up, a
/// revocation or the end of the app, which abandon the place.
///
/// When the game lets the player in at the moment of the deadline, the registry says who was first: either
/// the place can be abandoned and the game's answer counts for nothing, or it cannot and the answer is
/// waited for.
async fn wait_for_game<S: Transport>(
    door: &Door,
    stream: &mut S,
    reservation: &Reservation,
    mut answered: oneshot::Receiver<Result<(), Refusal>>,
    deadline: Instant,
) -> Result<(), Refusal> {
    let handle = reservation.handle();
    let mut stopping = door.server.stopping.subscribe();
    let given_up: Refusal = tokio::select! {
        biased;
        answer = &mut answered => {
            return answer.unwrap_or_else(|_| Err(abandoned(handle)));
        }
        refusal = abandoned_elsewhere(handle) => refusal,
        _ = stopping.wait_for(|stopping| *stopping) => RefusalKind::Draining.into(),
        refusal = reservation.registry.drain.turns_away() => refusal,
        () = poll_fn(|context| stream.poll_hung_up(context)) => RefusalKind::Timeout.into(),
        () = sleep_until(deadline) => {
            Refusal::unavailable("the game did not take the player in")
        }
    };
    let is_abandoned = reservation.registry.abandon(handle, given_up.clone());
    if is_abandoned || !handle.is_entered() {
        return Err(given_up);
    }
    // The game was first, and its answer is on the way.
    answered.await.unwrap_or_else(|_| Err(abandoned(handle)))
}

async fn abandoned_elsewhere(handle: &Handle) -> Refusal {
    loop {
        if let Some(refusal) = handle.abandoned() {
            return refusal;
        }
        handle.woken().await;
    }
}

fn abandoned(handle: &Handle) -> Refusal {
    handle
        .abandoned()
        .unwrap_or_else(|| Refusal::unavailable("the game has gone"))
}
