//! Before the 101: everything that happens to a socket until its player is in.
//!
//! The steps, in order:
//!
//! 1. [`listener`] accepts, within the caps on pending handshakes ([`pending`]) and on connections per
//!    address ([`occupancy`]).
//! 2. [`throttle`] charges the handshake to its address, before a byte is read. Whose handshakes are
//!    used up can still ask for health, which has a budget of its own.
//! 3. [`acceptor`] carries out the TLS handshake, when TLS is configured. Whose handshakes are used up
//!    is closed instead, without an answer.
//! 4. [`head`] reads one request head, strictly, with no byte after it. Only then it is known for whom
//!    a trusted proxy speaks ([`proxies`], [`forwarded`]), and that one is counted and charged.
//! 5. [`upgrade`] checks that it is a WebSocket upgrade, [`origin`] that its page may connect.
//! 6. [`subprotocol`] and [`credential`] settle the application's protocol and take the one
//!    credential out of the request, which becomes a [`HandshakeRequest`].
//! 7. The [`Authenticator`](crate::Authenticator) verifies it and looks the user up, so many at once;
//!    a ticket stands for one that was verified before.
//!    A refused credential costs its address more than a handshake.
//! 8. The registry reserves a place, and the game has its word.
//! 9. The `101` is written, and the [session](crate::session) begins.
//!
//! [`handshake`] has them one below the other, under one deadline.
//!
//! Each step is a small function that answers with a [`Refusal`](crate::Refusal) when it is not
//! content; [`response`] writes it.

pub(crate) mod credential;
mod gate;
mod handshake;
pub(crate) mod listener;
mod occupancy;
mod pending;
mod response;
mod subprotocol;
mod throttle;
mod upgrade;

#[cfg(fuzzing)]
pub(crate) use credential::Carrier;

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use crate::{
    bridge::NetworkEnd,
    config::{ConfigError, Limits},
    http::AllowedOrigins,
    server::Server,
    transport::{Acceptor, PlainAcceptor},
};

use gate::{Gate, Permits};

/// Everything that the steps need.
pub(crate) struct Door {
    server: Arc<Server>,
    limits: Arc<Limits>,
    network: NetworkEnd,
    origins: AllowedOrigins,
    gate: Arc<Gate>,
    preflight_path: String,
}

impl Door {
    pub fn new(server: Arc<Server>, network: NetworkEnd) -> Result<Self, ConfigError> {
        let limits = &server.config.limits;
        Ok(Self {
            limits: Arc::new(limits.clone()),
            network,
            origins: AllowedOrigins::new(&server.config.origins)?,
            gate: Arc::new(Gate::new(&server.config)?),
            preflight_path: format!("{}/preflight", server.config.path.trim_end_matches('/')),
            server,
        })
    }

    /// Accepts and serves connections until the listener has to close.
    pub async fn open(self, listener: TcpListener) {
        self.server.auth.start();
        #[cfg(feature = "tls")]
        if let Some(tls) = self.server.tls.clone() {
            return self.serve(listener, tls).await;
        }
        self.serve(listener, PlainAcceptor).await;
    }

    async fn serve<A: Acceptor>(self, listener: TcpListener, acceptor: A) {
        let closing = self.server.closing.subscribe();
        let gate = self.gate.clone();
        let door = Arc::new(self);
        let serve = |acceptor: A, socket: TcpStream, permits: Permits| {
            let door = door.clone();
            async move {
                let Permits {
                    pending,
                    peer,
                    mut visitor,
                } = permits;
                let handshake = async {
                    let serve =
                        handshake::serve(&door, acceptor, socket, peer, &mut visitor, &pending);
                    tokio::select! {
                        session = serve => session,
                        () = pending.gives_way() => None,
                    }
                };
                // Each in a box of its own: neither holds room for the other.
                let session = Box::pin(handshake).await;
                drop((door, pending));
                if let Some(session) = session {
                    Box::pin(session.run()).await;
                }
                drop(visitor);
            }
        };
        listener::accept_loop(listener, gate, acceptor, closing, serve).await;
    }
}
