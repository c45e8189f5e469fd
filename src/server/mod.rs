//! One server: what its door, its game and its operator share, and the tasks that run beside them.

mod address_key;
mod audit;
mod decisions;
mod drain;
mod readiness;
mod recheck;
mod runtime;
mod start;
mod throttle;

pub(crate) use address_key::AddressKey;
pub(crate) use audit::AUDIT;
pub(crate) use decisions::Decisions;
pub use runtime::runtime;
pub(crate) use start::{join_cluster, start};
pub(crate) use throttle::Throttle;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use tokio::{runtime::Handle, sync::watch};
use tokio_tungstenite::tungstenite::http::HeaderMap;

use crate::{
    auth::{AuthLimiter, Credential, HandshakeRequest, Tickets},
    cluster::Node,
    config::BouncerConfig,
    identity::{Admission, Refusal, TokenFacts, UserId},
    registry::Registry,
    util::Counts,
};

/// What the plugin, the network and every [`Bouncer`](crate::Bouncer) share.
pub(crate) struct Server {
    pub config: Arc<BouncerConfig>,
    pub registry: Arc<Registry>,
    pub auth: AuthLimiter,
    pub tickets: Tickets,
    /// What each address may begin in a minute, and what refused credentials cost it.
    pub handshakes: Arc<Throttle>,
    pub counts: Arc<Counts>,
    pub local_addr: SocketAddr,
    /// This process as one of many.
    pub cluster: OnceLock<Arc<Node>>,
    /// True once the app is about to end.
    pub stopping: watch::Sender<bool>,
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<crate::transport::TlsAcceptor>>,
    /// True once no connection is accepted any more.
    pub closing: watch::Sender<bool>,
    /// The network's runtime, once the door is open.
    pub runtime: OnceLock<Handle>,
}

impl Server {
    /// Closes the door. False when it was closed already.
    pub fn stop(&self) -> bool {
        self.close_listener();
        !self.stopping.send_replace(true)
    }

    /// This process as one of many, if it is.
    pub fn node(&self) -> Option<&Arc<Node>> {
        self.cluster.get()
    }

    /// Whether this identity could come in now, as far as this and all other nodes know. Reserves nothing.
    pub async fn check(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        self.registry.check(user, token)?;
        match self.node() {
            Some(node) => node.check_barred(user, token).await,
            None => Ok(()),
        }
    }

    /// Whether this identity is not barred, as far as this and all other nodes know.
    pub async fn check_barred(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        self.registry.check_barred(user, token)?;
        match self.node() {
            Some(node) => node.check_barred(user, token).await,
            None => Ok(()),
        }
    }

    /// Has a token checked that does not come with a handshake.
    pub async fn authenticate(
        &self,
        token: &Credential,
        peer: SocketAddr,
    ) -> Result<Admission, Refusal> {
        let token = Credential::checked(token.expose(), self.config.limits.token_bytes)?;
        let request = HandshakeRequest {
            peer,
            path: self.config.path.clone(),
            headers: HeaderMap::new(),
            credential: Some(token),
        };
        self.auth.authenticate(&request).await
    }

    /// Accepts no connection any more, not even to refuse it.
    pub fn close_listener(&self) {
        self.closing.send_replace(true);
    }
}
