//! The wiring, nothing else.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZero,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bevy_app::{App, AppExit, Last, Plugin, PostUpdate, PreUpdate};
use bevy_ecs::prelude::*;
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};
use thiserror::Error;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, watch},
};

#[cfg(feature = "tls")]
use crate::transport::TlsAcceptor;
use crate::{
    auth::{AuthLimiter, Authenticator, Tickets},
    bridge::{Command, GameEnd, NetworkEnd, Notice, bridge},
    cluster::{self, Backplane, BackplaneError, ClusterFrame, ClusterOptions, ControlLog, Node},
    config::{BouncerConfig, ConfigError},
    door::{Door, listener},
    registry::Registry,
    revocation::{JournalWriter, MemoryRevocations, RevocationStore, StoreError},
    server::{Server, drain, recheck},
    session::fanout,
    world::{
        Arrived, Bouncer, ClientFrame, Cluster, Connection, Disconnected, Outgoing, Players,
        RegistryRef, RevocationNotStored, Roster, exit_when_over, on_disconnect, on_refresh,
        on_remove, receive, receive_cluster_frames, send, shutdown,
    },
};

/// Players for whom there is room from the start, as far as they are allowed: a map that grows takes a
/// tick's time. Room that is not used takes no memory from the system.
const ROOM_MAX: usize = 65_536;

/// Why the door cannot open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BouncerError {
    /// A field of the configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener could not be bound.
    #[error("listen: cannot bind {address}: {source}")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The revocations could not be loaded.
    #[error("revocations: {0}")]
    Revocations(#[from] StoreError),
    /// The node of a fleet could not be made.
    #[error("cluster: {0}")]
    Cluster(#[from] BackplaneError),
    /// The runtime to load the revocations could not be made.
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
}

/// When this crate's systems run.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BouncerSystems {
    /// In [`PreUpdate`]: who left, who joined, and what they said.
    Receive,
    /// In [`PostUpdate`]: the tick's output goes out, and those who were revoked in this tick leave.
    Send,
    /// In [`Last`]: when the app exits, everybody is closed with 1001.
    Shutdown,
}

/// Opens the door: a listener beside the ECS that lets verified players in.
///
/// Adds [`TokioTasksPlugin`] unless the app has it already, with a thread for each core but one, which
/// is the game's; to configure the runtime, add your own
/// first.
///
/// ```no_run
/// use bevy_app::prelude::*;
/// use bevy_bouncer::{BouncerConfig, BouncerPlugin, JwtAuthenticator, MapDirectory, User};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = std::env::var("SECRET")?;
/// let players = MapDirectory::new([User::new("player-1", "Ann")?]);
/// let tokens = JwtAuthenticator::hs256(secret)?.audience("game").users(players);
/// let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:9000"), tokens)?;
/// App::new().add_plugins(door).run();
/// # Ok(())
/// # }
/// ```
pub struct BouncerPlugin {
    server: Arc<Server>,
    writer: Arc<dyn JournalWriter>,
    /// Taken by the one call of `build`.
    opening: Mutex<Option<Opening>>,
}

/// What only one app can have.
struct Opening {
    listener: TcpListener,
    network: NetworkEnd,
    game: GameEnd,
    ticks: mpsc::Receiver<Vec<Command>>,
}

impl BouncerPlugin {
    /// Checks the configuration and binds the listener. Connections are accepted once the app has
    /// built the plugin; until then they wait in the system's queue.
    ///
    /// # Errors
    /// [`BouncerError::Config`] names the field that cannot be used, or whose file cannot;
    /// [`BouncerError::Bind`] says why the address cannot be had, for instance because the port is in use.
    pub fn bind(
        config: BouncerConfig,
        authenticator: impl Authenticator,
    ) -> Result<Self, BouncerError> {
        let address = config.validate()?;
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
            config: Arc::new(config),
            counts,
            local_addr,
            cluster: OnceLock::new(),
            stopping: watch::Sender::new(false),
            #[cfg(feature = "tls")]
            tls,
            closing: watch::Sender::new(false),
        };
        Ok(Self {
            server: Arc::new(server),
            writer: Arc::new(MemoryRevocations),
            opening: Mutex::new(Some(Opening {
                listener,
                network,
                game,
                ticks,
            })),
        })
    }

    /// Loads the revocations of this store, and keeps new ones in it. Without a store they last as
    /// long as the process. Blocks until they are loaded; not to be called in async code.
    ///
    /// # Errors
    /// [`BouncerError::Revocations`] when the store cannot be read or holds more than
    /// [`Limits::revocations`](crate::Limits::revocations).
    pub fn revocations(mut self, store: impl RevocationStore) -> Result<Self, BouncerError> {
        if self.server.node().is_some() {
            let reason = "the nodes of a cluster share theirs";
            return Err(ConfigError::new("revocations", reason).into());
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BouncerError::Runtime)?;
        self.server
            .registry
            .preload(runtime.block_on(store.load())?)?;
        self.writer = Arc::new(store);
        Ok(self)
    }

    /// Makes this process one of many, which share this backplane: what one node decides holds on all of
    /// them. It takes the place of [`revocations`](Self::revocations). New players get 503 until the
    /// node has read the server list, and whenever it falls behind; see [`Cluster`] and
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
        self.writer = Arc::new(ControlLog::new(node));
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

impl Plugin for BouncerPlugin {
    fn build(&self, app: &mut App) {
        let opening = self
            .opening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(opening) = opening else {
            tracing::error!("a BouncerPlugin can be built once");
            app.world_mut().write_message(bevy_app::AppExit::error());
            return;
        };
        if !app.is_plugin_added::<TokioTasksPlugin>() {
            app.add_plugins(TokioTasksPlugin {
                make_runtime: Box::new(runtime_beside_the_game),
                ..Default::default()
            });
        }
        let Opening {
            listener,
            network,
            game,
            ticks,
        } = opening;

        let limits = &self.server.config.limits;
        let room = limits.connections.min(ROOM_MAX);
        app.register_type::<Connection>()
            .register_type::<crate::identity::User>()
            .add_message::<ClientFrame>()
            .add_message::<RevocationNotStored>()
            .insert_resource(Players::new(room))
            .insert_resource(Roster::new(room))
            .insert_resource(self.bouncer())
            .insert_resource(RegistryRef(self.server.registry.clone()))
            .insert_resource(Outgoing::new(limits, self.server.counts.clone()))
            .insert_resource(receive::Incoming::new(game, limits.clone()))
            .add_observer(on_disconnect)
            .add_observer(on_refresh)
            .add_observer(on_remove)
            .add_systems(PreUpdate, receive::receive.in_set(BouncerSystems::Receive))
            .add_systems(
                PostUpdate,
                (exit_when_over, receive::cut, send::send)
                    .chain()
                    .in_set(BouncerSystems::Send),
            )
            .add_systems(Last, shutdown::shut_down.in_set(BouncerSystems::Shutdown));
        app.register_type::<Disconnected>();

        let runtime = app.world().resource::<TokioTasksRuntime>().runtime();
        let opened = {
            // The reactor of this runtime will watch the listener.
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener)
        };
        let joined = self.server.node().map(|node| {
            let (line, frames) = network.line(node.options.incoming_frames);
            let _guard = runtime.enter();
            cluster::start(node, self.server.registry.clone(), line);
            let per_tick = node.options.frames_per_tick;
            let cluster = Cluster::new(node.clone(), self.bouncer());
            (cluster, Arrived { frames, per_tick })
        });
        let door = Door::new(self.server.clone(), network);
        let (listener, door) = match (opened, door) {
            (Ok(listener), Ok(door)) => (listener, door),
            (Err(error), _) => return fail(app, error),
            (_, Err(error)) => return fail(app, error),
        };
        runtime.spawn(recheck::run(self.server.clone()));
        runtime.spawn(drain::run(self.server.clone()));
        runtime.spawn(fanout::run(ticks, limits.fan_out_shards));
        let (server, writer) = (self.server.clone(), self.writer.clone());
        runtime.spawn(async move {
            let (journal, notices) = (&server.registry.journal, &server.registry.notices);
            let failed = |error| notices.put(Notice::NotStored(error));
            journal.run(writer, failed).await;
        });
        runtime.spawn(door.open(listener));
        if let Some((cluster, arrived)) = joined {
            let receive_frames = receive_cluster_frames
                .in_set(BouncerSystems::Receive)
                .after(receive::receive);
            app.add_message::<ClusterFrame>()
                .insert_resource(cluster)
                .insert_resource(arrived)
                .add_systems(PreUpdate, receive_frames);
        }
    }
}

/// One core is left to the game: on a machine with few of them, the network's threads would take the
/// frame's time otherwise.
fn runtime_beside_the_game() -> Runtime {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()
        .unwrap_or_else(|_| (TokioTasksPlugin::default().make_runtime)())
}

/// A plugin cannot return an error: the log has it, and the app ends with a failure.
fn fail(app: &mut App, error: impl std::fmt::Display) {
    tracing::error!(%error, "the door cannot open");
    app.world_mut().write_message(AppExit::error());
}
