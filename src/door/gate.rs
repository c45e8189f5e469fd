//! The caps and budgets that hold before a byte was read.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::debug;

use super::{
    occupancy::{AddressPermit, Occupancy},
    pending::{Budget, PendingHandshake, PendingHandshakes},
    response,
};
use crate::{
    config::Limits,
    http::{AllowedOrigins, TrustedProxies, canonical},
    identity::{Refusal, RefusalKind},
    server::Throttle,
};

/// Sockets that are being told that there is no room. One more is dropped without a word.
const REFUSALS_AT_ONCE: usize = 64;
/// How many of these may come from one address, so that it does not silence the door for all others.
const REFUSALS_OF_AN_ADDRESS: usize = 8;

/// When to try again after there was no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a socket got that was let in.
pub(crate) struct Permits {
    /// One of the pending handshakes: drop it with the end of the handshake.
    pub pending: PendingHandshake,
    pub peer: SocketAddr,
    /// Whom the connection is counted for. `None` when it comes from a trusted proxy: then the request
    /// will say.
    pub visitor: Option<Visitor>,
}

/// Whom a connection is counted for: keep it for as long as the connection lives.
pub(crate) struct Visitor {
    pub address: SocketAddr,
    /// The handshake budget of the address: the answer that is due when it is spent. Health checks may go
    /// on.
    pub budget: Result<(), Refusal>,
    _permit: AddressPermit,
}

/// See the module's documentation.
pub(crate) struct Gate {
    pending: Arc<PendingHandshakes>,
    refusals: Arc<Semaphore>,
    refusals_of: Arc<Occupancy>,
    occupancy: Arc<Occupancy>,
    handshakes: Arc<Throttle>,
    health_checks: Throttle,
    pub proxies: TrustedProxies,
    /// What a refused credential costs on top of its handshake.
    penalty: usize,
    /// Whether there are pages that want to read a refusal.
    has_pages: bool,
}

impl Gate {
    /// With the limits `pending_handshakes`, `connections_per_ip`, `failed_handshake_price`,
    /// `health_checks_per_ip_per_minute` and `tracked_addresses`, and the budget of handshakes that all share.
    pub fn new(
        limits: &Limits,
        handshakes: Arc<Throttle>,
        proxies: TrustedProxies,
        origins: &AllowedOrigins,
    ) -> Self {
        Self {
            pending: PendingHandshakes::new(limits.pending_handshakes),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
            refusals_of: Arc::new(Occupancy::new(REFUSALS_OF_AN_ADDRESS)),
            occupancy: Arc::new(Occupancy::new(limits.connections_per_ip)),
            handshakes,
            health_checks: Throttle::new(
                "health_checks_per_ip_per_minute",
                limits.health_checks_per_ip_per_minute,
                limits.tracked_addresses,
            ),
            penalty: limits.failed_handshake_price - 1,
            proxies,
            has_pages: !origins.is_empty(),
        }
    }

    /// Lets a socket in that was just accepted.
    ///
    /// # Errors
    /// 429 when its address has as many connections as it may, 503 when too many handshakes are pending.
    pub fn enter(&self, peer: SocketAddr) -> Result<Permits, Refusal> {
        let peer = canonical(peer);
        let visitor = if self.proxies.trusts(peer.ip()) {
            None
        } else {
            Some(self.receive(peer)?)
        };
        let budget = match &visitor {
            Some(visitor) if visitor.budget.is_err() => Budget::Spent,
            _ => Budget::Left,
        };
        let no_room = || Refusal::from(RefusalKind::Capacity).because("pending_handshakes");
        let pending = self.pending.enter(budget).ok_or_else(no_room)?;
        Ok(Permits {
            pending,
            peer,
            visitor,
        })
    }

    /// Counts a connection for this address and charges its handshake.
    ///
    /// # Errors
    /// 429 when the address has as many connections as it may.
    pub fn receive(&self, address: SocketAddr) -> Result<Visitor, Refusal> {
        // One connection too many costs as much as any other.
        let budget = self.handshakes.charge(address.ip().into());
        let permit = self.occupancy.enter(address.ip().into()).ok_or_else(|| {
            Refusal::from(RefusalKind::TooManyAttempts)
                .because("connections_per_ip")
                .retry_after(RETRY_AFTER)
        })?;
        Ok(Visitor {
            address,
            budget,
            _permit: permit,
        })
    }

    /// Charges a health check.
    pub fn charge_health_check(&self, address: SocketAddr) -> Result<(), Refusal> {
        self.health_checks.charge(address.ip().into())
    }

    /// Charges a health check in place of the handshake that was charged before.
    pub fn exchange_for_health_check(&self, address: SocketAddr) -> Result<(), Refusal> {
        self.charge_health_check(address)?;
        self.handshakes.refund(address.ip().into());
        Ok(())
    }

    /// Charges the penalty for a refused credential.
    pub fn penalize(&self, address: SocketAddr) {
        self.handshakes.penalize(address.ip().into(), self.penalty);
    }

    /// Which pages may read an answer that was given before the request's origin was known: it says
    /// nothing but to come back later.
    pub fn readers(&self) -> Option<&'static str> {
        self.has_pages.then_some("*")
    }

    /// Tells the client, unless too many are being told already, at all or of its address.
    pub fn turn_away(&self, stream: TcpStream, peer: SocketAddr, refusal: Refusal) {
        debug!(%peer, %refusal, "turned away");
        let Some(permits) = self.may_refuse(peer) else {
            return;
        };
        let readers = self.readers();
        tokio::spawn(async move {
            response::refuse(stream, &refusal.retry_after(RETRY_AFTER), readers).await;
            drop(permits);
        });
    }

    /// A place to be refused at. All clients of a trusted proxy come from its address, so that has no share.
    fn may_refuse(
        &self,
        peer: SocketAddr,
    ) -> Option<(Option<AddressPermit>, OwnedSemaphorePermit)> {
        let share = if self.proxies.trusts(peer.ip()) {
            None
        } else {
            Some(self.refusals_of.enter(peer.ip().into())?)
        };
        let place = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        Some((share, place))
    }
}

#[cfg(test)]
impl Gate {
    /// Trusts no proxy and knows no page.
    pub fn for_test(limits: &Limits) -> Self {
        Self::new(
            limits,
            Arc::new(Throttle::of_handshakes(limits)),
            TrustedProxies::default(),
            &AllowedOrigins::default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, join, net::TcpListener};

    use super::*;

    async fn answer(address: SocketAddr) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn p09_past_so_many_refusals_a_socket_is_dropped_without_a_word() {
        let gate = Gate::for_test(&Limits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn_away = async || {
            let (stream, peer) = listener.accept().await.unwrap();
            gate.turn_away(stream, peer, RefusalKind::Capacity.into());
        };
        let others = u32::try_from(REFUSALS_AT_ONCE - 1).unwrap();
        let _others = gate.refusals.try_acquire_many(others).unwrap();

        let (mut client, ()) = join!(
            async { TcpStream::connect(address).await.unwrap() },
            turn_away()
        );
        let (answer, ()) = join!(answer(address), turn_away());
        assert_eq!(answer, "", "no room to refuse a second one");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    #[tokio::test]
    async fn p11_one_address_does_not_use_up_the_refusals_of_the_others() {
        let gate = Gate::for_test(&Limits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn_away = async |peer: &str| {
            let (stream, _) = listener.accept().await.unwrap();
            gate.turn_away(stream, peer.parse().unwrap(), RefusalKind::Capacity.into());
        };
        // None of these hangs up, so each keeps its place for a while.
        let mut greedy = Vec::new();
        for _ in 0..REFUSALS_AT_ONCE {
            greedy.push(TcpStream::connect(address).await.unwrap());
            turn_away("192.0.2.1:1000").await;
        }
        let left = gate.refusals.available_permits();
        assert_eq!(left, REFUSALS_AT_ONCE - REFUSALS_OF_AN_ADDRESS);
        let (answer, ()) = join!(answer(address), turn_away("192.0.2.2:1000"));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
}
