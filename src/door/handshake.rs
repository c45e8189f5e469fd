//! The steps from a connected socket to the 101, in their order.
//!
//! One deadline stands over all of them. Everything that a step learns lives in the task of the
//! handshake and is dropped with it; only an admitted player gets a [`Session`].

use std::{
    future::poll_fn,
    io::ErrorKind,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Door,
    credential::{self, Carrier},
    gate::Visitor,
    pending::PendingHandshake,
    response::{self, Answer},
    upgrade,
};
use crate::{
    auth::{Credential, HandshakeRequest, hash_of},
    bridge::Arrival,
    connection::{Fence, Handle, Inbound, Outbound},
    http::{Head, HeadError, Method, head, remove_hops},
    identity::{Admission, DisconnectReason, Refusal, RefusalKind},
    registry::Registry,
    session::Session,
    transport::{Acceptor, Transport},
    util::Counts,
};

/// How a health check starts, and how long it may take to.
const HEALTH_CHECK: &[u8] = b"GET /healthz";
const GLANCE_TIMEOUT: Duration = Duration::from_millis(500);

/// What a request gets that is not refused.
enum Granted {
    /// An answer that lets nobody in.
    Answer(Answer),
    /// A verified player, and the 101 that waits.
    Player(Box<(Answer, Admission)>),
}

/// Who is being served, as far as it is known.
struct Caller<'a> {
    /// Whoever connected, or for whom a trusted proxy speaks.
    address: SocketAddr,
    /// Whom the connection is counted for. Empty until a proxy has said it.
    visitor: &'a mut Option<Visitor>,
    pending: &'a PendingHandshake,
    /// The page that may read the answer.
    origin: Option<String>,
}

/// From accept to the 101: the session of an admitted player, or nothing when the connection was
/// answered otherwise.
pub(super) async fn serve<A: Acceptor>(
    door: &Door,
    acceptor: A,
    socket: TcpStream,
    peer: SocketAddr,
    visitor: &mut Option<Visitor>,
    pending: &PendingHandshake,
) -> Option<Box<Session<A::Stream>>> {
    let deadline = Instant::now() + door.limits.handshake_timeout;
    let accepted = timeout_at(deadline, accept(acceptor, socket, visitor)).await;
    let mut stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(HeadError::Gone)) => return None,
        Ok(Err(HeadError::Refused(refusal))) => return unheard(door, peer, &refusal),
        Err(_) => return unheard(door, peer, &RefusalKind::Timeout.into()),
    };
    let mut caller = Caller {
        address: peer,
        visitor,
        pending,
        origin: None,
    };
    let checked = timeout_at(deadline, check(door, &mut stream, &mut caller)).await;
    let (peer, origin) = (caller.address, caller.origin);
    let refusal = match checked {
        Err(_) => RefusalKind::Timeout.into(),
        Ok(Err(HeadError::Gone)) => return None,
        Ok(Err(HeadError::Refused(refusal))) => refusal,
        Ok(Ok(Granted::Answer(answer))) => {
            Box::pin(response::deliver(stream, &answer)).await;
            return None;
        }
        Ok(Ok(Granted::Player(player))) => {
            let (answer, admission) = *player;
            match Box::pin(enter(door, &mut stream, peer, admission, deadline)).await {
                Ok(place) => match welcome(door, &mut stream, &answer, &place, deadline).await {
                    Ok(()) => return Some(place.begin_session(stream, door)),
                    Err(None) => return None,
                    Err(Some(refusal)) => refusal,
                },
                Err(refusal) => refusal,
            }
        }
    };
    note(door, peer, &refusal);
    Box::pin(response::refuse(stream, &refusal, origin.as_deref())).await;
    None
}

/// Nobody could read an answer.
fn unheard<R>(door: &Door, peer: SocketAddr, refusal: &Refusal) -> Option<R> {
    note(door, peer, refusal);
    None
}

/// Counts a refusal and tells the operator.
fn note(door: &Door, peer: SocketAddr, refusal: &Refusal) {
    Counts::count(&door.server.counts.refused);
    tracing::debug!(
        %peer,
        error = refusal.kind().code(),
        cause = refusal.cause().unwrap_or(refusal.message()),
        "refused"
    );
}

/// The TLS handshake, when TLS is configured. It is dear, so whose handshakes are used up does not get
/// one.
async fn accept<A: Acceptor>(
    acceptor: A,
    socket: TcpStream,
    visitor: &Option<Visitor>,
) -> Result<A::Stream, HeadError> {
    if let (false, Some(visitor)) = (A::ANSWERS_AT_ONCE, visitor) {
        visitor.paid.clone()?;
    }
    acceptor
        .accept(socket)
        .await
        .map_err(|error| match error.kind() {
            // Not TLS, or not ours.
            ErrorKind::InvalidData => Refusal::bad_request("no TLS")
                .because(error.to_string())
                .into(),
            _ => HeadError::Gone,
        })
}

/// Everything that can be known without the game: steps that cost little come first.
async fn check<S: Transport>(
    door: &Door,
    stream: &mut S,
    caller: &mut Caller<'_>,
) -> Result<Granted, HeadError> {
    let head = timeout(door.limits.head_timeout, read_head(door, stream, caller))
        .await
        .map_err(|_| Refusal::from(RefusalKind::Timeout))??;
    if !caller.pending.heard() {
        return Err(HeadError::Gone);
    }
    if caller.visitor.is_none() {
        caller.address = door.gate.proxies.client(caller.address, &head.headers)?;
    }
    if head.path == "/healthz" && head.method == Method::Get {
        door.server.check_loaded()?;
        match &*caller.visitor {
            None => door.gate.charge_health_check(caller.address)?,
            Some(visitor) if visitor.paid.is_ok() => {
                door.gate.exchange_for_health_check(caller.address)?;
            }
            // Charged before its head was read.
            Some(_) => {}
        }
        return Ok(Granted::Answer(Answer::healthy()));
    }
    let page = door
        .origins
        .check(&head.headers)
        .map(|page| page.map(str::to_owned));
    if let Ok(page) = &page {
        caller.origin.clone_from(page);
    }
    let visitor = match &mut *caller.visitor {
        Some(visitor) => visitor,
        unknown => unknown.insert(door.gate.receive(caller.address)?),
    };
    visitor.paid.clone()?;

    let is_preflight = head.path == door.preflight_path;
    if head.path != door.server.config.path && !is_preflight {
        return Err(Refusal::from(RefusalKind::NotFound).into());
    }
    page?;
    if is_preflight && head.method == Method::Options {
        let answer = Answer::preflight_options(caller.origin.as_deref());
        return Ok(Granted::Answer(answer));
    }
    if head.method != Method::Get {
        return Err(Refusal::from(RefusalKind::MethodNotAllowed).into());
    }
    let key = match is_preflight {
        true => None,
        false => Some(upgrade::websocket_key(&head)?.to_owned()),
    };
    door.server.check_room()?;
    // In a box of its own: whoever has not said anything does not hold room for it.
    let verified = Box::pin(verify(door, caller.address, head, is_preflight)).await;
    let (subprotocol, admission) = verified?;
    match key {
        Some(key) => {
            let answer = Answer::switching_protocols(&key, subprotocol.as_deref());
            Ok(Granted::Player(Box::new((answer, admission))))
        }
        None => {
            let user = admission.user.id();
            door.server.check(user, &admission.token).await?;
            let answer = Answer::preflight_passed(caller.origin.as_deref());
            Ok(Granted::Answer(answer))
        }
    }
}

/// Reads the head. Whose handshakes are used up is heard no further than to know whether this is a
/// health check.
async fn read_head<S: Transport>(
    door: &Door,
    stream: &mut S,
    caller: &mut Caller<'_>,
) -> Result<Head, HeadError> {
    let Some(visitor) = &*caller.visitor else {
        return head::read_head(stream, &door.limits).await;
    };
    let Err(refusal) = &visitor.paid else {
        return head::read_head(stream, &door.limits).await;
    };
    caller.origin = door.gate.readers().map(str::to_owned);
    let glance = timeout(GLANCE_TIMEOUT, head::read_start(stream, HEALTH_CHECK)).await;
    let start = glance.unwrap_or(Ok(None))?.ok_or_else(|| refusal.clone())?;
    door.gate.charge_health_check(visitor.address)?;
    head::read_rest(stream, start, &door.limits).await
}

/// Takes the credential and has it checked; a refused one costs more. With the subprotocol to name in
/// the `101`.
async fn verify(
    door: &Door,
    peer: SocketAddr,
    mut head: Head,
    is_preflight: bool,
) -> Result<(Option<String>, Admission), Refusal> {
    let config = &door.server.config;
    let fine = |refusal: &Refusal| {
        if refusal.kind() == RefusalKind::Unauthorized {
            door.gate.fine(peer);
        }
    };
    let presented = credential::take(&mut head, &config.subprotocols, door.limits.token_bytes)
        .inspect_err(fine)?;
    remove_hops(&mut head.headers);
    let is_guess = presented.credential.is_some();
    let examined = match presented.credential {
        Some((Carrier::Ticket, ticket)) => redeem(door, &ticket, is_preflight).await,
        token => {
            let request = HandshakeRequest {
                peer,
                path: head.path,
                headers: head.headers,
                credential: token.map(|(_, token)| token),
            };
            door.server.auth.authenticate(&request).await
        }
    };
    if let (true, Err(refusal)) = (is_guess, &examined) {
        fine(refusal);
    }
    Ok((presented.subprotocol, examined?))
}

/// Uses a ticket up, or only looks at it for a preflight. Much may have happened since it was issued, so
/// its user is looked up again.
async fn redeem(
    door: &Door,
    ticket: &Credential,
    is_preflight: bool,
) -> Result<Admission, Refusal> {
    let tickets = &door.server.tickets;
    let admission = match (door.server.node(), is_preflight) {
        (None, true) => tickets.look_at(ticket)?,
        (None, false) => tickets.take(ticket)?,
        (Some(node), true) => node.ticket(&hash_of(ticket), false).await?,
        (Some(node), false) => {
            let server = node.ticket(&hash_of(ticket), true).await?;
            // With its components, when it was issued here.
            tickets.take_own(ticket).unwrap_or(server)
        }
    };
    door.server.auth.readmit(admission).await
}

/// A player who is in the registry. Dropped anywhere before the session has taken over, also by a
/// panic, it takes the player out again.
struct Reservation {
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    registry: Arc<Registry>,
    handed_over: bool,
}

impl Reservation {
    fn handle(&self) -> &Arc<Handle> {
        &self.inbound.handle
    }

    fn begin_session<S: Transport>(mut self, stream: S, door: &Door) -> Box<Session<S>> {
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
async fn enter<S: Transport>(
    door: &Door,
    stream: &mut S,
    peer: SocketAddr,
    admission: Admission,
    deadline: Instant,
) -> Result<Reservation, Refusal> {
    // Again: the app may be about to end since.
    door.server.check_room()?;
    let registry = door.server.registry.clone();
    let handle = registry.admit(admission.user.clone(), admission.token.clone(), peer)?;
    let place = Reservation {
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
        since: SystemTime::now(),
        inbound: place.inbound.clone(),
        outbound: place.outbound.clone(),
        answer,
    };
    if !door.network.arrive(arrival) {
        return Err(Refusal::unavailable("too many players wait for the game"));
    }
    wait_for_game(door, stream, &place, answered, deadline).await?;
    if let Some(node) = door.server.node() {
        node.take_over(&handle).await?;
    }
    Ok(place)
}

/// Asks what all nodes share whether the player is barred, and for a seat.
async fn reserve_seat(door: &Door, handle: &Handle, deadline: Instant) -> Result<(), Refusal> {
    let Some(node) = door.server.node() else {
        return Ok(());
    };
    let asked = async {
        node.check_barred(handle.user.id(), &handle.token()).await?;
        let seat = node.reserve(handle, &door.server.registry).await?;
        handle.keep(Box::new(seat));
        Ok(())
    };
    timeout_at(deadline, asked)
        .await
        .unwrap_or_else(|_| Err(Refusal::unavailable("the backplane took too long")))
}

/// Who wins decides: the game that lets the player in, or a deadline, a hang-up, a revocation or the
/// end of the app, which abandon the place.
async fn wait_for_game<S: Transport>(
    door: &Door,
    stream: &mut S,
    place: &Reservation,
    mut answered: oneshot::Receiver<Result<(), Refusal>>,
    deadline: Instant,
) -> Result<(), Refusal> {
    let mut stopping = door.server.stopping.subscribe();
    let given_up: Refusal = tokio::select! {
        biased;
        answer = &mut answered => {
            return answer.unwrap_or_else(|_| Err(abandoned(place.handle())));
        }
        refusal = abandoned_elsewhere(place.handle()) => refusal,
        _ = stopping.wait_for(|stopping| *stopping) => RefusalKind::Draining.into(),
        refusal = place.registry.drain.turns_away() => refusal,
        () = poll_fn(|context| stream.poll_hung_up(context)) => RefusalKind::Timeout.into(),
        () = tokio::time::sleep_until(deadline) => {
            Refusal::unavailable("the game did not take the player in")
        }
    };
    if place.registry.abandon(place.handle(), given_up.clone()) || !place.handle().is_entered() {
        return Err(given_up);
    }
    // The game was first, and its answer is on the way.
    answered
        .await
        .unwrap_or_else(|_| Err(abandoned(place.handle())))
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

/// The fence once more, then the 101. Fails with a refusal, or with nothing when the client is gone.
async fn welcome<S: Transport>(
    door: &Door,
    stream: &mut S,
    answer: &Answer,
    place: &Reservation,
    deadline: Instant,
) -> Result<(), Option<Refusal>> {
    if let Some(close_reason) = place.handle().fenced() {
        return Err(Some(close_reason.refusal()));
    }
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await
    };
    if !matches!(timeout_at(deadline, write).await, Ok(Ok(()))) {
        stream.reset_on_close();
        return Err(None);
    }
    Counts::count(&door.server.counts.admitted);
    Ok(())
}
