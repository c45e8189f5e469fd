//! The steps from a connected socket to the 101, in their order.
//!
//! One deadline stands over all of them. Everything that a step learns lives in the task of the
//! handshake and is dropped with it; only an admitted player gets a [`Session`].

use std::{io::ErrorKind, net::SocketAddr};

use tokio::{
    net::TcpStream,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use super::{
    Door, Endpoint,
    caller::Caller,
    gate::Visitor,
    health,
    pending::PendingHandshake,
    preflight, reservation,
    response::{self, Answer},
    stopped::Stopped,
    upgrade::{self, Verified},
};
use crate::{
    identity::{Refusal, RefusalKind},
    session::Session,
    transport::{Acceptor, Transport},
    util::Counts,
};

/// What a request gets that is not refused.
enum Granted {
    /// An answer that lets nobody in.
    Answer(Answer),
    Player(Box<Verified>),
}

fn timed_out<T>(_: Elapsed) -> Result<T, Stopped> {
    Err(Refusal::from(RefusalKind::Timeout).into())
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
    let mut stream = match accepted.unwrap_or_else(timed_out) {
        Ok(stream) => stream,
        Err(Stopped::Gone) => return None,
        Err(Stopped::Refused(refusal)) => {
            // Nobody could read an answer.
            note(door, peer, &refusal);
            return None;
        }
    };
    let mut caller = Caller {
        address: peer,
        unnamed: None,
        visitor,
        pending,
        origin: None,
    };
    let checked = timeout_at(deadline, check(door, &mut stream, &mut caller)).await;
    let (peer, origin) = (caller.address, caller.origin);
    let stopped = match checked.unwrap_or_else(timed_out) {
        Ok(Granted::Answer(answer)) => {
            Box::pin(response::deliver(stream, &answer)).await;
            return None;
        }
        Ok(Granted::Player(player)) => {
            match Box::pin(admit(door, &mut stream, peer, *player, deadline)).await {
                Ok(reservation) => return Some(reservation.begin_session(stream, door)),
                Err(stopped) => stopped,
            }
        }
        Err(stopped) => stopped,
    };
    if let Stopped::Refused(refusal) = stopped {
        note(door, peer, &refusal);
        Box::pin(response::refuse(stream, &refusal, origin.as_deref())).await;
    }
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

/// The TLS handshake, when TLS is configured. It is costly, so an address that has spent its handshake
/// budget does not get one.
async fn accept<A: Acceptor>(
    acceptor: A,
    socket: TcpStream,
    visitor: &Option<Visitor>,
) -> Result<A::Stream, Stopped> {
    if !A::ANSWERS_AT_ONCE
        && let Some(visitor) = visitor
    {
        visitor.budget.clone()?;
    }
    acceptor
        .accept(socket)
        .await
        .map_err(|error| match error.kind() {
            // Not TLS, or not ours.
            ErrorKind::InvalidData => Refusal::bad_request("no TLS")
                .because(error.to_string())
                .into(),
            _ => Stopped::Gone,
        })
}

/// Everything that can be known without the game: steps that cost little come first.
async fn check<S: Transport>(
    door: &Door,
    stream: &mut S,
    caller: &mut Caller<'_>,
) -> Result<Granted, Stopped> {
    let read = health::read_head(door, stream, caller);
    let head = timeout(door.limits.head_timeout, read)
        .await
        .unwrap_or_else(timed_out)?;
    if !caller.pending.heard() {
        return Err(Stopped::Gone);
    }
    caller.believe_proxy(&door.gate.proxies, &head)?;
    if health::is_check(&head) {
        return Ok(Granted::Answer(health::answer(door, caller)?));
    }
    let page = caller.recognize_page(&door.origins, &head);
    caller.charge(&door.gate)?;
    let endpoint = door.endpoint(&head.path)?;
    page?;
    // Each in a box of its own: a client that has not said anything holds no room for it.
    Ok(match endpoint {
        Endpoint::Preflight => {
            Granted::Answer(Box::pin(preflight::answer(door, caller, head)).await?)
        }
        Endpoint::WebSocket => {
            let player = Box::pin(upgrade::verify(door, caller, head)).await?;
            Granted::Player(Box::new(player))
        }
    })
}

/// Takes a place for a verified player and, once the game agrees, writes the 101.
async fn admit<S: Transport>(
    door: &Door,
    stream: &mut S,
    peer: SocketAddr,
    verified: Verified,
    deadline: Instant,
) -> Result<reservation::Reservation, Stopped> {
    let Verified {
        answer,
        subprotocol,
        admission,
    } = verified;
    let reservation =
        reservation::reserve(door, stream, peer, subprotocol, admission, deadline).await?;
    upgrade::switch_protocols(door, stream, &answer, &reservation, deadline).await?;
    Ok(reservation)
}
