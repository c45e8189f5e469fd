//! What a plugin is made of: the configuration, the listener, the stores, the fleet.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use tokio::sync::watch;

use super::{BouncerError, BouncerPlugin, Opening};
#[cfg(feature = "tls")]
use crate::transport::TlsAcceptor;
use crate::{
    auth::{AuthLimiter, Authenticator, Tickets},
    bridge::bridge,
    cluster::{Backplane, ClusterOptions, Node},
    config::{BouncerConfig, ConfigError},
    door::listener,
    registry::Registry,
    revocation::{MemoryRevocations, RevocationStore},
    server::{Decisions, Server, Throttle},
    world::Bouncer,
};

impl BouncerPlugin {
    /// Checks the configuration and binds the listener. Connections are accepted once the app has
    /// finished its plugins; until then they wait in the system's queue.
    ///
    /// # Errors
    /// [`BouncerError::Config`] names the field that cannot be used, or whose file cannot, also one of the authenticator's;
    /// [`BouncerError::Bind`] says why the address cannot be had, for instance because the port is in use.
    pub fn bind(
        config: BouncerConfig,
        authenticator: impl Authenticator,
    ) -> Result<Self, BouncerError> {
        let checked = config.checked()?;
        authenticator.validate()?;
        let address = checked.address;
        #[cfg(feature = "tls")]
        let tls = config
            .tls
            .as_ref()
            .map(|files| TlsAcceptor::load(files).map(Arc::new))
            .transpose()?;
        let bind_error = |source| BouncerError::Bind { address, source };
        let listener = listener::bind(address, &config.limits).map_err(bind_error)?;
        let local_addr = listener.local_addr().map_err(bind_error)?;
        let counts = Arc::default();
        let (network, game, departures, notices, ticks) = bridge(&config.limits, &counts);
        let auth = AuthLimiter::new(authenticator, &config.limits);
        let registry = Registry::new(&config.limits, departures, notices, auth.tokens_end_within);
        let server = Server {
            registry: Arc::new(registry),
            auth,
            tickets: Tickets::new(&config.limits),
            handshakes: Arc::new(Throttle::of_handshakes(&config.limits)),
            config: Arc::new(config),
            counts,
            local_addr,
            cluster: OnceLock::new(),
            stopping: watch::Sender::new(false),
            #[cfg(feature = "tls")]
            tls,
            closing: watch::Sender::new(false),
            runtime: OnceLock::new(),
        };
        Ok(Self {
            server: Arc::new(server),
            decisions: Decisions::Store(Arc::new(MemoryRevocations)),
            game: Mutex::new(Some(game)),
            opening: Mutex::new(Some(Opening {
                checked,
                listener,
                network,
                ticks,
            })),
        })
    }

    /// Loads the revocations of this store, and keeps new ones in it. Without a store they last as
    /// long as the process. They are loaded on the app's runtime, in [`Plugin::finish`](bevy_app::Plugin::finish), before the
    /// door opens. When that fails, or when there are more than [`Limits::revocations`](crate::Limits::revocations), the door
    /// stays shut, the log says why, and the app ends with an error.
    ///
    /// # Errors
    /// [`BouncerError::Config`] when the process is one of many, which share their revocations.
    pub fn revocations(mut self, store: impl RevocationStore) -> Result<Self, BouncerError> {
        if self.server.node().is_some() {
            let reason = "the nodes of a cluster share theirs";
            return Err(ConfigError::new("revocations", reason).into());
        }
        self.decisions = Decisions::Store(Arc::new(store));
        Ok(self)
    }

    /// Makes this process one of many, which share this backplane: what one node decides holds on all of
    /// them. It takes the place of [`revocations`](Self::revocations). New players get 503 until the
    /// node has read the shared list, and whenever it falls behind; see [`Cluster`](crate::Cluster) and
    /// [`ClusterOutbox`](crate::ClusterOutbox) for what the game can do.
    ///
    /// ```no_run
    /// use bevy_bouncer::{BouncerPlugin, ClusterOptions, InProcessBackplane};
    ///
    /// # fn join(door: BouncerPlugin) -> Result<BouncerPlugin, bevy_bouncer::BouncerError> {
    /// let door = door.cluster(InProcessBackplane::new(), ClusterOptions::named("eu-1"))?;
    /// # Ok(door)
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BouncerError::Config`] names the option that cannot be used, or `cluster` when it was called
    /// before.
    pub fn cluster(
        mut self,
        backplane: impl Backplane,
        options: ClusterOptions,
    ) -> Result<Self, BouncerError> {
        options.validate()?;
        let limits = &self.server.config.limits;
        let node = Arc::new(Node::new(Arc::new(backplane), options, limits)?);
        if self.server.cluster.set(node.clone()).is_err() {
            return Err(ConfigError::new("cluster", "can be given once").into());
        }
        self.decisions = Decisions::Fleet(node);
        Ok(self)
    }

    /// The address of the listener, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr
    }

    /// The handle that the app will have as a resource, for code outside of the ECS.
    pub fn bouncer(&self) -> Bouncer {
        Bouncer::new(self.server.clone())
    }
}
