//! Before the 101: everything that happens to a socket until its player is in.
//!
//! The steps, in order:
//!
//! 1. [`listener`] accepts, within the caps on pending handshakes ([`pending`]) and on connections per
//!    address ([`occupancy`]).
//! 2. [`throttle`] charges the handshake to its address, before a byte is read. Whose handshakes are
//!    used up can still ask for health, which has a budget of its own.
//! 3. [`head`] reads one request head, strictly, with no byte after it. Only then it is known for whom
//!    a trusted proxy speaks ([`proxies`], [`forwarded`]), and that one is counted and charged.
//! 4. [`upgrade`] checks that it is a WebSocket upgrade, [`origin`] that its page may connect.
//! 5. [`subprotocol`] and [`credential`] settle the application's protocol and take the one
//!    credential out of the request, which becomes a [`HandshakeRequest`].
//! 6. The [`Authenticator`](crate::Authenticator) verifies it and looks the user up, so many at once;
//!    a ticket stands for one that was verified before.
//!    A refused credential costs its address more than a handshake.
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
    bridge::NetworkEnd,
    config::{ConfigError, Limits},
    world::Shared,
};

mod authority;
pub(crate) mod credential;
mod forwarded;
mod gate;
mod handshake;
mod head;
pub(crate) mod listener;
mod occupancy;
pub(crate) mod origin;
mod pending;
pub(crate) mod proxies;
mod request;
mod response;
mod subprotocol;
mod throttle;
mod upgrade;

use gate::{Gate, Permits};
use origin::AllowedOrigins;
pub use request::{Credential, HandshakeRequest};

/// Everything that the steps need.
pub(crate) struct Door {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    network: NetworkEnd,
    origins: AllowedOrigins,
    gate: Arc<Gate>,
    preflight_path: String,
}

impl Door {
    pub fn new(shared: Arc<Shared>, network: NetworkEnd) -> Result<Self, ConfigError> {
        let limits = &shared.config.limits;
        Ok(Self {
            limits: Arc::new(limits.clone()),
            network,
            origins: AllowedOrigins::new(&shared.config.origins)?,
            gate: Arc::new(Gate::new(&shared.config)?),
            preflight_path: format!("{}/preflight", shared.config.path.trim_end_matches('/')),
            shared,
        })
    }

    /// Accepts and serves connections until the app is about to end.
    pub async fn open(self, listener: TcpListener) {
        let stopping = self.shared.stopping.subscribe();
        let gate = self.gate.clone();
        let door = Arc::new(self);
        let serve = |stream: TcpStream, permits: Permits| {
            let door = door.clone();
            async move {
                let Permits {
                    pending,
                    peer,
                    mut visitor,
                } = permits;
                // In a box that is freed with the handshake: a session is smaller.
                let handshake = handshake::serve(&door, stream, peer, &mut visitor, &pending);
                let session = tokio::select! {
                    session = Box::pin(handshake) => session,
                    () = pending.gives_way() => None,
                };
                drop((door, pending));
                if let Some(session) = session {
                    session.run().await;
                }
                drop(visitor);
            }
        };
        listener::accept_loop(listener, gate, stopping, serve).await;
    }
}
