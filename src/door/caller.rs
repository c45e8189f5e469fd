//! Who is being served, as far as it is known.

use std::net::SocketAddr;

use super::{
    gate::{Gate, Visitor},
    pending::PendingHandshake,
};
use crate::{
    http::{AllowedOrigins, Head, TrustedProxies},
    identity::Refusal,
};

/// The client of one handshake. Each step adds what it has learned.
pub(super) struct Caller<'a> {
    /// The peer of the socket, or for whom a trusted proxy speaks.
    pub address: SocketAddr,
    /// What is due when a trusted proxy did not say who the client is. Health checks may go on.
    pub unnamed: Option<Refusal>,
    /// Whom the connection is counted for. Empty until a proxy has said it.
    pub visitor: &'a mut Option<Visitor>,
    pub pending: &'a PendingHandshake,
    /// The page that may read the answer.
    pub origin: Option<String>,
}

impl Caller<'_> {
    /// Takes a trusted proxy's word about the client's address.
    ///
    /// # Errors
    /// 400 when the proxy's header is malformed.
    pub fn believe_proxy(&mut self, proxies: &TrustedProxies, head: &Head) -> Result<(), Refusal> {
        if self.visitor.is_none() {
            match proxies.client(&head.headers)? {
                Some(client) => self.address = client,
                None => self.unnamed = Some(proxies.nobody_named()),
            }
        }
        Ok(())
    }

    /// Learns which page asks: it may read the answers from now on.
    ///
    /// # Errors
    /// 403 when the page may not connect. It is due only once the address has been charged.
    pub fn recognize_page(&mut self, origins: &AllowedOrigins, head: &Head) -> Result<(), Refusal> {
        self.origin = origins.check(&head.headers)?.map(str::to_owned);
        Ok(())
    }

    /// Counts the connection and charges the handshake, unless both was done when it was accepted.
    ///
    /// # Errors
    /// 400 when a proxy did not say whose address it is; 429 when the address has as many connections as it may,
    /// or has spent its handshake budget.
    pub fn charge(&mut self, gate: &Gate) -> Result<(), Refusal> {
        if let Some(refusal) = &self.unnamed {
            return Err(refusal.clone());
        }
        let visitor = match &mut *self.visitor {
            Some(visitor) => visitor,
            unknown => unknown.insert(gate.receive(self.address)?),
        };
        visitor.budget.clone()
    }
}
