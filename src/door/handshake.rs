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
    Credential, Door, HandshakeRequest,
    acceptor::Acceptor,
    credential,
    head::{self, Head, HeadError, Method},
    response::{self, Answer},
    upgrade,
};
use crate::{
    bridge::{Arrival, Inlet, Tally},
    goodbye::DisconnectReason,
    identity::Admission,
    refusal::{Refusal, RefusalKind},
    registry::{Handle, Registry, refusal_for},
    session::{Outlet, Session, Transport},
};

/// When to come back after a 503 that has to do with this server's state.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a request gets that is not refused.
enum Granted {
    /// An answer that lets nobody in.
    Answer(Answer),
    /// A verified player, and the 101 that waits.
    Player(Box<(Answer, Admission)>),
}

/// From accept to the 101: the session of an admitted player, or nothing when the connection was
/// answered otherwise.
pub(super) async fn serve<A: Acceptor>(
    door: &Door,
    acceptor: A,
    socket: TcpStream,
    peer: SocketAddr,
) -> Option<Session<A::Stream>> {
    let deadline = Instant::now() + door.limits.handshake_timeout;
    let mut stream = accept(door, acceptor, socket, peer, deadline).await?;
    let mut origin = None;
    let checked = timeout_at(deadline, check(door, &mut stream, peer, &mut origin)).await;
    let refusal = match checked {
        Err(_) => RefusalKind::Timeout.into(),
        Ok(Err(HeadError::Gone)) => return None,
        Ok(Err(HeadError::Refused(refusal))) => refusal,
        Ok(Ok(Granted::Answer(answer))) => {
            response::deliver(stream, &answer).await;
            return None;
        }
        Ok(Ok(Granted::Player(player))) => {
            let (answer, admission) = *player;
            match enter(door, &mut stream, peer, admission, deadline).await {
                Ok(place) => match welcome(door, &mut stream, &answer, &place, deadline).await {
                    Ok(()) => return Some(place.begin_session(stream, door)),
                    Err(None) => return None,
                    Err(Some(refusal)) => refusal,
                },
                Err(refusal) => refusal,
            }
        }
    };
    Tally::count(&door.shared.tally.refused);
    tracing::debug!(
        %peer,
        error = refusal.kind().code(),
        cause = refusal.cause().unwrap_or(refusal.message()),
        "refused"
    );
    response::refuse(stream, &refusal, origin.as_deref()).await;
    None
}

/// The TLS handshake, when TLS is configured. Whoever fails in it could not read an answer.
async fn accept<A: Acceptor>(
    door: &Door,
    acceptor: A,
    socket: TcpStream,
    peer: SocketAddr,
    deadline: Instant,
) -> Option<A::Stream> {
    let cause = match timeout_at(deadline, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => return Some(stream),
        // What is not TLS is invalid data; anything else is a client that has gone.
        Ok(Err(error)) if error.kind() != ErrorKind::InvalidData => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "took too long".to_owned(),
    };
    Tally::count(&door.shared.tally.refused);
    tracing::debug!(%peer, cause, "no TLS handshake");
    None
}

/// Everything that can be known without the game: steps that cost little come first. `origin` is set
/// to the page that may read the answer.
async fn check<S: Transport>(
    door: &Door,
    stream: &mut S,
    peer: SocketAddr,
    origin: &mut Option<String>,
) -> Result<Granted, HeadError> {
    let mut head = timeout(
        door.limits.head_timeout,
        head::read_head(stream, &door.limits),
    )
    .await
    .map_err(|_| Refusal::from(RefusalKind::Timeout))??;
    if head.path == "/healthz" && head.method == Method::Get {
        return Ok(Granted::Answer(Answer::healthy()));
    }
    let page = door
        .origins
        .check(&head.headers)
        .map(|page| page.map(str::to_owned));
    if let Ok(page) = &page {
        origin.clone_from(page);
    }
    door.throttle.charge(peer.ip().into())?;

    let is_preflight = head.path == door.preflight_path;
    if head.path != door.shared.config.path && !is_preflight {
        return Err(Refusal::from(RefusalKind::NotFound).into());
    }
    page?;
    if is_preflight && head.method == Method::Options {
        let answer = Answer::preflight_options(origin.as_deref());
        return Ok(Granted::Answer(answer));
    }
    if head.method != Method::Get {
        return Err(Refusal::from(RefusalKind::MethodNotAllowed).into());
    }
    let key = match is_preflight {
        true => None,
        false => Some(upgrade::websocket_key(&head)?.to_owned()),
    };
    check_room(door)?;
    let config = &door.shared.config;
    let presented = credential::take(&mut head, &config.subprotocols, door.limits.token_bytes)?;
    let credential = presented.credential.map(|(_, credential)| credential);
    let admission = authenticate(door, peer, head, credential).await?;
    match key {
        Some(key) => {
            let answer = Answer::switching_protocols(&key, presented.subprotocol.as_deref());
            Ok(Granted::Player(Box::new((answer, admission))))
        }
        None => {
            let registry = &door.shared.registry;
            registry.check(admission.user.id(), &admission.token)?;
            let answer = Answer::preflight_passed(origin.as_deref());
            Ok(Granted::Answer(answer))
        }
    }
}

/// The cheap look; the place itself is taken at the end.
fn check_room(door: &Door) -> Result<(), Refusal> {
    let kind = if *door.shared.stopping.borrow() {
        RefusalKind::Draining
    } else if door.shared.registry.is_full() {
        RefusalKind::Capacity
    } else {
        return Ok(());
    };
    Err(Refusal::from(kind).retry_after(RETRY_AFTER))
}

async fn authenticate(
    door: &Door,
    peer: SocketAddr,
    head: Head,
    credential: Option<Credential>,
) -> Result<Admission, Refusal> {
    let request = HandshakeRequest {
        peer,
        path: head.path,
        headers: head.headers,
        credential,
    };
    timeout(
        door.limits.lookup_timeout,
        door.authenticator.authenticate(&request),
    )
    .await
    .unwrap_or_else(|_| Err(Refusal::unavailable("the authenticator took too long")))
}

/// A player who is in the registry. Dropped anywhere before the session has taken over, also by a
/// panic, it takes the player out again.
struct Place {
    inlet: Arc<Inlet>,
    outlet: Arc<Outlet>,
    registry: Arc<Registry>,
    handed_over: bool,
}

impl Place {
    fn handle(&self) -> &Arc<Handle> {
        &self.inlet.handle
    }

    fn begin_session<S: Transport>(mut self, stream: S, door: &Door) -> Session<S> {
        self.handed_over = true;
        Session::new(
            stream,
            self.inlet.clone(),
            self.outlet.clone(),
            self.registry.clone(),
            door.limits.clone(),
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.handed_over {
            return;
        }
        let handle = self.handle();
        if !self.registry.abandon(handle, RefusalKind::Timeout.into()) {
            // Does nothing when the end was reported already.
            let goodbye = DisconnectReason::ConnectionLost.into();
            self.registry.leave(handle, goodbye, true);
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
) -> Result<Place, Refusal> {
    // Again: the app may be about to end since.
    check_room(door)?;
    let registry = door.shared.registry.clone();
    let handle = registry.admit(admission.user.clone(), admission.token.clone(), peer)?;
    let place = Place {
        inlet: door.network.inlet(handle.clone()),
        outlet: Arc::new(Outlet::new(handle.clone(), &door.limits)),
        registry: registry.clone(),
        handed_over: false,
    };
    let (answer, answered) = oneshot::channel();
    let arrival = Arrival {
        handle: handle.clone(),
        admission,
        since: SystemTime::now(),
        inlet: place.inlet.clone(),
        outlet: place.outlet.clone(),
        answer,
    };
    if !door.network.arrive(arrival) {
        return Err(Refusal::unavailable("too many players wait for the game"));
    }
    wait_for_game(door, stream, &place, answered, deadline).await?;
    Ok(place)
}

/// Who wins decides: the game that lets the player in, or a deadline, a hang-up, a revocation or the
/// end of the app, which abandon the place.
async fn wait_for_game<S: Transport>(
    door: &Door,
    stream: &mut S,
    place: &Place,
    mut answered: oneshot::Receiver<Result<(), Refusal>>,
    deadline: Instant,
) -> Result<(), Refusal> {
    let mut stopping = door.shared.stopping.subscribe();
    let given_up: Refusal = tokio::select! {
        biased;
        answer = &mut answered => {
            return answer.unwrap_or_else(|_| Err(abandoned(place.handle())));
        }
        () = place.handle().changed() => abandoned(place.handle()),
        _ = stopping.wait_for(|stopping| *stopping) => RefusalKind::Draining.into(),
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
    place: &Place,
    deadline: Instant,
) -> Result<(), Option<Refusal>> {
    if let Some(goodbye) = place.handle().fenced() {
        return Err(Some(refusal_for(&goodbye)));
    }
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await
    };
    if !matches!(timeout_at(deadline, write).await, Ok(Ok(()))) {
        stream.reset_on_close();
        return Err(None);
    }
    Tally::count(&door.shared.tally.admitted);
    Ok(())
}
