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
//! 6. The [`Authenticator`](crate::Authenticator) verifies it and looks the user up.
//! 7. The registry reserves a place, and the game has its word.
//! 8. The `101` is written, and the [session](crate::session) begins.
//!
//! [`handshake`] has them one below the other, under one deadline.
//!
//! Each step is a small function that answers with a [`Refusal`](crate::Refusal) when it is not
//! content; [`response`] writes it.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use crate::{
    auth::ErasedAuthenticator,
    bridge::NetworkEnd,
    config::{ConfigError, Limits},
    world::Shared,
};

mod authority;
pub(crate) mod credential;
mod handshake;
pub(crate) mod head;
pub(crate) mod listener;
pub(crate) mod origin;
mod request;
mod response;
mod subprotocol;
mod throttle;
mod upgrade;

use listener::{Gate, Permits};
use origin::AllowedOrigins;
pub use request::{Credential, HandshakeRequest};
use throttle::HandshakeThrottle;

/// Everything that the steps need.
pub(crate) struct Door {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    authenticator: Arc<dyn ErasedAuthenticator>,
    network: NetworkEnd,
    origins: AllowedOrigins,
    throttle: HandshakeThrottle,
    preflight_path: String,
}

impl Door {
    pub fn new(
        shared: Arc<Shared>,
        authenticator: Arc<dyn ErasedAuthenticator>,
        network: NetworkEnd,
    ) -> Result<Self, ConfigError> {
        let limits = &shared.config.limits;
        Ok(Self {
            limits: Arc::new(limits.clone()),
            authenticator,
            network,
            origins: AllowedOrigins::new(&shared.config.origins)?,
            throttle: HandshakeThrottle::new(limits),
            preflight_path: format!("{}/preflight", shared.config.path.trim_end_matches('/')),
            shared,
        })
    }

    /// Accepts and serves connections until the app is about to end.
    pub async fn open(self, listener: TcpListener) {
        let stopping = self.shared.stopping.subscribe();
        let gate = Gate::new(&self.limits);
        let door = Arc::new(self);
        let serve = |stream: TcpStream, peer, permits: Permits| {
            let door = door.clone();
            async move {
                let Permits { pending, address } = permits;
                // In a box that is freed with the handshake: a session is smaller.
                let session = Box::pin(handshake::serve(&door, stream, peer)).await;
                drop((door, pending));
                if let Some(session) = session {
                    session.run().await;
                }
                drop(address);
            }
        };
        listener::accept_loop(listener, gate, stopping, serve).await;
    }
}
