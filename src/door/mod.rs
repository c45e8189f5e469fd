//! Before the 101: everything that happens to a socket until its player is in.
//!
//! The steps, in order:
//!
//! 1. [`listener`] accepts, within the caps on pending handshakes and on connections per address
//!    ([`throttle`]).
//! 2. [`head`] reads one request head, strictly, with no byte after it.
//! 3. [`throttle`] charges the handshake to its address (a health check is free).
//! 4. [`upgrade`] checks that it is a WebSocket upgrade, [`origin`] that its page may connect.
//! 5. [`subprotocol`] and [`credential`] settle the application's protocol and take the one
//!    credential out of the request, which becomes a [`HandshakeRequest`].
//!
//! Each step is a small function that answers with a [`Refusal`](crate::Refusal) when it is not
//! content; [`response`] writes it.
#![allow(dead_code)]

mod authority;
pub(crate) mod credential;
pub(crate) mod head;
pub(crate) mod listener;
pub(crate) mod origin;
mod request;
pub(crate) mod response;
pub(crate) mod subprotocol;
pub(crate) mod throttle;
pub(crate) mod upgrade;

pub use request::{Credential, HandshakeRequest};

pub(crate) mod listener {
    pub fn bind(
        address: std::net::SocketAddr,
        _: &crate::Limits,
    ) -> std::io::Result<std::net::TcpListener> {
        std::net::TcpListener::bind(address)
    }
}
pub(crate) struct Door;
impl Door {
    pub fn new(
        _: std::sync::Arc<crate::world::Shared>,
        _: std::sync::Arc<dyn crate::auth::ErasedAuthenticator>,
        _: crate::bridge::NetworkEnd,
    ) -> Self {
        Door
    }
    pub async fn open(self, _: std::net::TcpListener) {}
}
