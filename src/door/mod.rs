//! Before the 101: everything that happens to a socket until its player is in.
//!
//! The steps, in order:
//!
//! 1. [`listener`] accepts, within the caps of the [`gate`] on pending handshakes ([`pending`]) and on
//!    connections per address ([`occupancy`]).
//! 2. [`throttle`] charges the handshake to its address, before a byte is read. An address that has spent
//!    its handshake budget can still ask for [`health`], which has a budget of its own.
//! 3. The [`Acceptor`] carries out the TLS handshake, when TLS is configured. A socket of an address that
//!    has spent its budget is closed instead, without an answer.
//! 4. [`head`](crate::http::head) reads one request head, strictly, with no byte after it. Only then it is
//!    known for whom a trusted proxy speaks ([`caller`]), and that client is counted and charged.
//! 5. The page's origin must be allowed, and the path must lead somewhere: to the [`preflight`], or to the
//!    [`upgrade`], which must be one.
//! 6. [`subprotocol`] and [`credential`] settle the application's protocol and take the one
//!    credential out of the request.
//! 7. [`authenticate`] has the [`Authenticator`](crate::auth::Authenticator) verify it and look the user
//!    up, so many at once; a ticket stands for a token that was verified before. A refused credential costs
//!    its address a penalty.
//! 8. [`reservation`] takes a place in the registry, and the game has its word.
//! 9. [`upgrade`] writes the `101`, and the [session](crate::session) begins.
//!
//! [`handshake`] has them one below the other, under one deadline.
//!
//! Each step is a small function that answers with a [`Refusal`] when it is not content; [`response`]
//! writes it.

mod authenticate;
mod caller;
pub(crate) mod credential;
mod gate;
mod handshake;
mod health;
pub(crate) mod listener;
mod occupancy;
mod pending;
mod preflight;
mod reservation;
mod response;
mod stopped;
mod subprotocol;
mod upgrade;

#[cfg(fuzzing)]
pub(crate) use credential::Carrier;

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use crate::{
    bridge::NetworkEnd,
    config::{Checked, Limits},
    http::AllowedOrigins,
    identity::{Refusal, RefusalKind},
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

/// What can be asked for, apart from health.
enum Endpoint {
    WebSocket,
    Preflight,
}

impl Door {
    /// The door of this server, with what its configuration means.
    pub fn new(server: Arc<Server>, network: NetworkEnd, checked: Checked) -> Self {
        let limits = &server.config.limits;
        Self {
            limits: Arc::new(limits.clone()),
            network,
            gate: Arc::new(Gate::new(
                limits,
                server.handshakes.clone(),
                checked.proxies,
                &checked.origins,
            )),
            origins: checked.origins,
            preflight_path: format!("{}/preflight", server.config.path.trim_end_matches('/')),
            server,
        }
    }

    /// What is at this path.
    ///
    /// # Errors
    /// 404 when there is nothing.
    fn endpoint(&self, path: &str) -> Result<Endpoint, Refusal> {
        if path == self.preflight_path {
            Ok(Endpoint::Preflight)
        } else if path == self.server.config.path {
            Ok(Endpoint::WebSocket)
        } else {
            Err(RefusalKind::NotFound.into())
        }
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
