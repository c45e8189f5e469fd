//! The operator's HTTP API: who is in, and who has to leave.

mod answer;
mod request;
mod routes;
mod serve;

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use bevy_app::prelude::*;
use thiserror::Error;

use crate::{auth::Credential, config::is_local, drain::Drain, server, world::Bouncer};

/// Shortest token of the operator in bytes.
const TOKEN_MIN_BYTES: usize = 16;
/// Longest token of the operator in bytes.
const TOKEN_MAX_BYTES: usize = 1024;

/// Why the operator's API cannot be offered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address is not an IP address with a port.
    #[error("must be an IP address and a port, like 127.0.0.1:9006")]
    Address,
    /// The operator's token would cross the network in plain text.
    #[error(
        "{0} is not a loopback address, and the operator's token would cross the network in plain text"
    )]
    Plaintext(SocketAddr),
    /// The address is the game's own.
    #[error("must not be the game's own address")]
    GameAddress,
    /// The token is too short, too long, or cannot stand in a header.
    #[error(
        "the operator's token must have {TOKEN_MIN_BYTES} to {TOKEN_MAX_BYTES} visible ASCII \
         characters and no spaces"
    )]
    Token,
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// The operator's HTTP API: who is in, and who has to leave.
///
/// It has its own address, never the game's port, and it speaks plain HTTP, so it is bound to loopback
/// addresses only, unless [`bind_plaintext`](Self::bind_plaintext) is used on a private network.
/// `GET /healthz` and `GET /readyz` are open, everything else needs `Authorization: Bearer` with the
/// operator's token. Answers are JSON; an error is `{"error":"…","message":"…"}`.
///
/// | request | body | answer |
/// |---|---|---|
/// | `GET /healthz` | | 200 while the process runs |
/// | `GET /readyz` | | 200 while players can come in, else 503 `not_ready`, or `draining` |
/// | `GET /v1/players` | | `{"players":[{"session","user","name","roles","peer","connected"}]}` |
/// | `POST /v1/revoke` | one subject, and what modifies it | `{"ok":true,"cut":N}` |
/// | `POST /v1/restore` | one subject | `{"ok":true,"cut":0}` |
/// | `POST /v1/kick` | `user`, and perhaps a `reason` | `{"ok":true,"cut":N}` |
/// | `POST /v1/drain` | perhaps `deadline_seconds`, `exit` | `{"ok":true,"finished":…}`, see below |
/// | `POST /v1/ticket` | `{"token":"…"}` of a player | `{"ticket":"…","expires_in_seconds":30}` |
///
/// A subject is exactly one of `"user":"…"`, `"token_id":"…"` (the `jti` claim), `"everyone":true`,
/// and, for a revocation, `"session":N` as the list of players names it. A revocation may have
/// `"issued_before"` and `"until"` (unix seconds), `"ban":true` and a `"reason"` of at most 200
/// characters for the player. A user that nobody knows may be named, too.
///
/// `cut` counts the sessions that ended. An answer of 200 comes after the effect: the sessions are
/// fenced and the entry is stored. When the store fails or takes longer than 5 s, it is 503
/// `store_unavailable`, still with `cut`: the fence is kept, and storing goes on. 503 `not_carried_out` says that nothing
/// has changed, but for the sessions that were cut: too much waits to be stored, or the list of the barred is full.
///
/// A drain is answered with 202 and how far it has come, or with 200 when it is over: `deadline_in_ms`,
/// whether the app will `exit`, how many are `connected` (sockets that are still closing included), and of
/// those whom the drain has `told` to leave, how many went `in_order` and how many were `aborted`. Asking
/// again with `{}` changes nothing and tells the same; see [`Bouncer::drain`] for what else a second request
/// can do.
///
/// A ticket lets the token's user in once, as `?ticket=…`: see
/// [`Bouncer::issue_ticket`]. A token that the door would refuse is refused with the same answer.
///
/// Every action is logged at `info` with the target `bevy_bouncer::admin`.
///
/// ```no_run
/// # use bevy_bouncer::{AdminPlugin, BouncerPlugin};
/// # fn add(door: BouncerPlugin, app: &mut bevy_app::App) -> Result<(), Box<dyn std::error::Error>> {
/// let token = std::env::var("BOUNCER_ADMIN_TOKEN")?;
/// let admin = AdminPlugin::bind("127.0.0.1:9006", token, door.bouncer())?;
/// app.add_plugins((door, admin));
/// # Ok(())
/// # }
/// ```
pub struct AdminPlugin {
    listener: Mutex<Option<TcpListener>>,
    local_addr: SocketAddr,
    operator: Operator,
}

/// What every request needs.
#[derive(Clone)]
struct Operator {
    bouncer: Bouncer,
    token: Credential,
    drain: Drain,
}

impl AdminPlugin {
    /// Binds the address, which must be a loopback address, at once; requests are answered from when
    /// the app runs. Port 0 lets the system choose one.
    ///
    /// The token is what requests must carry: 16 to 1024 visible ASCII characters without spaces.
    ///
    /// # Errors
    /// [`AdminError`] when the address or the token cannot be used, or the port is taken.
    pub fn bind(
        address: &str,
        token: impl Into<String>,
        bouncer: Bouncer,
    ) -> Result<Self, AdminError> {
        let parsed = address.parse().map_err(|_| AdminError::Address)?;
        if !is_local(parsed) {
            return Err(AdminError::Plaintext(parsed));
        }
        Self::bind_plaintext(address, token, bouncer)
    }

    /// Binds any address, as [`bind`](Self::bind) does a loopback address. The operator's token crosses the network in plain text: use it on a
    /// private network only.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), but for [`AdminError::Plaintext`].
    pub fn bind_plaintext(
        address: &str,
        token: impl Into<String>,
        bouncer: Bouncer,
    ) -> Result<Self, AdminError> {
        let address: SocketAddr = address.parse().map_err(|_| AdminError::Address)?;
        if address == bouncer.local_addr() {
            return Err(AdminError::GameAddress);
        }
        let token = token.into();
        let long_enough = (TOKEN_MIN_BYTES..=TOKEN_MAX_BYTES).contains(&token.len());
        if !long_enough || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AdminError::Token);
        }
        let (listener, local_addr) =
            listen(address).map_err(|source| AdminError::Bind { address, source })?;
        Ok(Self {
            listener: Mutex::new(Some(listener)),
            local_addr,
            operator: Operator {
                bouncer,
                token: Credential::new(token),
                drain: Drain::default(),
            },
        })
    }

    /// What `POST /v1/drain` does as far as the request does not say. Its `exit` does not count: the request
    /// has to ask for that.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.operator.drain = drain;
        self
    }

    /// The address that is listened at.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let local_addr = listener.local_addr()?;
    Ok((listener, local_addr))
}

impl fmt::Debug for AdminPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminPlugin")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

impl Plugin for AdminPlugin {
    fn build(&self, _: &mut App) {}

    /// Answers requests from here on, once the app has its runtime.
    fn finish(&self, app: &mut App) {
        let listener = self.listener.lock();
        let Some(listener) = listener.unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let runtime = server::runtime(app).handle().clone();
        let _inside = runtime.enter();
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                tokio::spawn(serve::serve(listener, Arc::new(self.operator.clone())));
            }
            Err(error) => {
                tracing::error!(%error, "the admin API cannot listen");
                app.world_mut().write_message(AppExit::error());
            }
        }
    }
}
