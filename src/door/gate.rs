//! The caps and budgets that hold before a byte was read.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::Semaphore};
use tracing::debug;

use super::{
    occupancy::{AddressPermit, Occupancy},
    pending::{Budget, PendingHandshake, PendingHandshakes},
    response,
    throttle::Throttle,
};
use crate::{
    config::Limits,
    http::{AllowedOrigins, TrustedProxies, canonical},
    identity::{Refusal, RefusalKind},
};

/// Sockets that are being told that there is no room. One more is dropped without a word.
const REFUSALS_AT_ONCE: usize = 64;

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
    occupancy: Arc<Occupancy>,
    handshakes: Throttle,
    health_checks: Throttle,
    pub proxies: TrustedProxies,
    /// What a refused credential costs on top of its handshake.
    penalty: usize,
    /// Whether there are pages that want to read a refusal.
    has_pages: bool,
}

impl Gate {
    /// With the limits `pending_handshakes`, `connections_per_ip`, `handshakes_per_ip_per_minute`,
    /// `failed_handshake_price`, `health_checks_per_ip_per_minute` and `tracked_addresses`.
    pub fn new(limits: &Limits, proxies: TrustedProxies, origins: &AllowedOrigins) -> Self {
        let throttle = |name, per_minute| Throttle::new(name, per_minute, limits.tracked_addresses);
        Self {
            pending: PendingHandshakes::new(limits.pending_handshakes),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
            occupancy: Arc::new(Occupancy::new(limits)),
            handshakes: throttle(
                "handshakes_per_ip_per_minute",
                limits.handshakes_per_ip_per_minute,
            ),
            health_checks: throttle(
                "health_checks_per_ip_per_minute",
                limits.health_checks_per_ip_per_minute,
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
        let permit = self.occupancy.enter(address.ip().into()).ok_or_else(|| {
            Refusal::from(RefusalKind::TooManyAttempts)
                .because("connections_per_ip")
                .retry_after(RETRY_AFTER)
        })?;
        Ok(Visitor {
            address,
            budget: self.handshakes.charge(address.ip().into()),
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

    /// Tells the client, unless too many are being told already.
    pub fn turn_away(&self, stream: TcpStream, peer: SocketAddr, refusal: Refusal) {
        debug!(%peer, %refusal, "turned away");
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            let readers = self.readers();
            tokio::spawn(async move {
                response::refuse(stream, &refusal.retry_after(RETRY_AFTER), readers).await;
                drop(permit);
            });
        }
    }
}

#[cfg(test)]
impl Gate {
    /// Trusts no proxy and knows no page.
    pub fn for_test(limits: &Limits) -> Self {
        Self::new(
            limits,
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
}
