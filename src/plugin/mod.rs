//! The wiring, nothing else.

mod error;
mod systems;

pub use error::BouncerError;
pub use systems::BouncerSystems;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bevy_app::{App, AppExit, Last, Plugin, PostUpdate, PreUpdate};
use bevy_ecs::prelude::*;
use tokio::{
    runtime::Builder,
    sync::{mpsc, watch},
};

#[cfg(feature = "tls")]
use crate::transport::TlsAcceptor;
use crate::{
    auth::{AuthLimiter, Authenticator, Tickets},
    bridge::{Command, GameEnd, NetworkEnd, bridge},
    cluster::{Backplane, ClusterFrame, ClusterOptions, ControlLog, Node},
    config::{BouncerConfig, ConfigError},
    door::{Door, listener},
    identity::User,
    registry::Registry,
    revocation::{JournalWriter, MemoryRevocations, RevocationStore},
    server::{self, Server},
    world::{
        Arrived, Arriving, Bouncer, ClientFrame, Cluster, Connection, Disconnected, DrainStarted,
        Group, Incoming, LinkLost, LinkRestored, Players, Refreshed, RegistryRef,
        RevocationNotStored, Roster, TickOutput, TokenExpiring, cut, exit_when_over,
        has_cluster_frames, has_departures, has_incoming, is_exiting, on_remove, receive,
        receive_cluster_frames, send, shut_down,
    },
};

/// Players for whom there is room from the start, as far as they are allowed: a map that grows takes a
/// tick's time. Room that is not used takes no memory from the system.
const ROOM_MAX: usize = 65_536;

/// Opens the door: a listener beside the ECS that lets verified players in.
///
/// When all plugins are built, it adds [`TokioTasksPlugin`](bevy_tokio_tasks::TokioTasksPlugin) unless the app has
/// it, with a thread for each core but one, which is the game's. To configure the runtime, add your own, before or
/// after this plugin. The door opens in [`Plugin::finish`], as part of `App::run`; an app that is updated by
/// hand calls `App::finish` and `App::cleanup` first.
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
    game: Mutex<Option<GameEnd>>,
    /// Taken by the one call of `finish`.
    opening: Mutex<Option<Opening>>,
}

/// What the network begins with.
struct Opening {
    listener: TcpListener,
    network: NetworkEnd,
    ticks: mpsc::Receiver<Vec<Command>>,
}

impl BouncerPlugin {
    /// Checks the configuration and binds the listener. Connections are accepted once the app has
    /// finished its plugins; until then they wait in the system's queue.
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
            game: Mutex::new(Some(game)),
            opening: Mutex::new(Some(Opening {
                listener,
                network,
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
    /// Adds what the game sees.
    fn build(&self, app: &mut App) {
        let Some(game) = take(&self.game) else {
            return fail(app, "a BouncerPlugin can be built once");
        };
        let server = &self.server;
        let limits = &server.config.limits;
        let room = limits.connections.min(ROOM_MAX);
        register_types(app);
        app.add_message::<ClientFrame>()
            .add_message::<RevocationNotStored>()
            .insert_resource(Players::new(room))
            .insert_resource(Roster::new(room))
            .insert_resource(self.bouncer())
            .insert_resource(RegistryRef(server.registry.clone()))
            .insert_resource(TickOutput::new(limits, server.counts.clone()))
            .insert_resource(Incoming::new(game, limits.clone()))
            .add_observer(on_remove)
            .add_systems(
                PreUpdate,
                receive.run_if(has_incoming).in_set(BouncerSystems::Receive),
            )
            .add_systems(
                PostUpdate,
                (exit_when_over, cut.run_if(has_departures), send)
                    .chain()
                    .in_set(BouncerSystems::Send),
            )
            .add_systems(
                Last,
                shut_down
                    .run_if(is_exiting)
                    .in_set(BouncerSystems::Shutdown),
            );
        if let Some(node) = server.node() {
            app.register_type::<ClusterFrame>()
                .add_message::<ClusterFrame>()
                .insert_resource(Cluster::new(node.clone(), self.bouncer()))
                .add_systems(
                    PreUpdate,
                    receive_cluster_frames
                        .run_if(has_cluster_frames)
                        .in_set(BouncerSystems::Receive)
                        .after(receive),
                );
        }
    }

    /// Opens the door, once the app has its runtime.
    fn finish(&self, app: &mut App) {
        let Some(opening) = take(&self.opening) else {
            return;
        };
        let Opening {
            listener,
            network,
            ticks,
        } = opening;
        let server = &self.server;
        // Whatever is spawned or watched from here on belongs to this runtime.
        let runtime = server::runtime(app).handle().clone();
        let _inside = runtime.enter();
        if let Some(frames) = server::join_cluster(server, &network) {
            app.insert_resource(Arrived::new(frames));
        }
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return fail(app, error),
        };
        let door = match Door::new(server.clone(), network) {
            Ok(door) => door,
            Err(error) => return fail(app, error),
        };
        server::start(server, self.writer.clone(), ticks);
        tokio::spawn(door.open(listener));
    }
}

/// Every component and event, for tools that reflect.
fn register_types(app: &mut App) {
    app.register_type::<Arriving>()
        .register_type::<ClientFrame>()
        .register_type::<Connection>()
        .register_type::<Disconnected>()
        .register_type::<DrainStarted>()
        .register_type::<Group>()
        .register_type::<LinkLost>()
        .register_type::<LinkRestored>()
        .register_type::<Refreshed>()
        .register_type::<RevocationNotStored>()
        .register_type::<TokenExpiring>()
        .register_type::<User>();
}

fn take<T>(once: &Mutex<Option<T>>) -> Option<T> {
    once.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A plugin cannot return an error: the log has it, and the app ends with a failure.
fn fail(app: &mut App, error: impl std::fmt::Display) {
    tracing::error!(%error, "the door cannot open");
    app.world_mut().write_message(AppExit::error());
}
