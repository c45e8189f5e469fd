//! The wiring, nothing else.

mod bind;
mod error;
mod systems;

pub use error::BouncerError;
pub use systems::{AfterLast, BouncerSystems};

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
};

use bevy_app::{App, AppExit, Last, MainScheduleOrder, Plugin, PostUpdate, PreStartup, PreUpdate};
use bevy_bouncer_protocol::BOUNCER_V1;
use bevy_ecs::prelude::*;
use tokio::sync::mpsc;

use crate::{
    bridge::{Command, GameEnd, NetworkEnd},
    cluster::{ClusterFrame, SharedStateChanged},
    config::Checked,
    door::Door,
    identity::User,
    messages::{self, MessageSystems},
    server::{self, Decisions, Server},
    world::{
        Arrived, Arriving, Bouncer, ClientFrame, Cluster, Connection, Disconnected, DrainStarted,
        Group, Incoming, Leaving, LinkLost, LinkRestored, Players, Refreshed, RegistryRef,
        RevocationNotStored, Roster, TickOutput, TokenExpiring, UserChanged, cut, exit_when_over,
        has_cluster_frames, has_departures, has_incoming, has_state_changes, is_exiting, on_remove,
        receive, receive_cluster_frames, receive_state_changes, send, shut_down,
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
    decisions: Decisions,
    /// Taken by the one call of `build`.
    game: Mutex<Option<GameEnd>>,
    /// Taken by the one call of `finish`.
    opening: Mutex<Option<Opening>>,
}

/// What the network begins with.
struct Opening {
    checked: Checked,
    listener: TcpListener,
    network: NetworkEnd,
    ticks: mpsc::Receiver<Vec<Command>>,
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
            .add_systems(PreStartup, warn_when_closed)
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
            .init_schedule(AfterLast)
            .add_systems(
                AfterLast,
                shut_down
                    .run_if(is_exiting)
                    .in_set(BouncerSystems::Shutdown),
            );
        if let Some(mut order) = app.world_mut().get_resource_mut::<MainScheduleOrder>() {
            order.insert_after(Last, AfterLast);
        }
        if self.has_messages() {
            app.configure_sets(
                PreUpdate,
                MessageSystems::Receive.after(BouncerSystems::Receive),
            )
            .configure_sets(
                PostUpdate,
                MessageSystems::Tell.before(BouncerSystems::Send),
            );
            messages::build(app, &server.config.messages);
        }
        if let Some(node) = server.node() {
            app.register_type::<ClusterFrame>()
                .add_message::<ClusterFrame>()
                .insert_resource(Cluster::new(node.clone(), self.bouncer()))
                .add_message::<SharedStateChanged>()
                .add_systems(
                    PreUpdate,
                    (
                        receive_state_changes.run_if(has_state_changes),
                        receive_cluster_frames.run_if(has_cluster_frames),
                    )
                        .chain()
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
            checked,
            listener,
            network,
            ticks,
        } = opening;
        if !self.has_messages() {
            messages::warn_when_unheard(app);
        }
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
        let writer = match runtime.block_on(self.decisions.load(server)) {
            Ok(writer) => writer,
            Err(error) => return fail(app, error),
        };
        let door = Door::new(server.clone(), network, checked);
        server::start(server, writer, ticks);
        tokio::spawn(door.open(listener));
        server.runtime.get_or_init(|| runtime.clone());
    }
}

impl BouncerPlugin {
    /// Whether clients can agree on `bouncer.v1`.
    fn has_messages(&self) -> bool {
        let subprotocols = &self.server.config.subprotocols;
        subprotocols.iter().any(|name| name == BOUNCER_V1)
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
        .register_type::<Leaving>()
        .register_type::<LinkLost>()
        .register_type::<LinkRestored>()
        .register_type::<Refreshed>()
        .register_type::<RevocationNotStored>()
        .register_type::<TokenExpiring>()
        .register_type::<User>()
        .register_type::<UserChanged>();
}

/// An app that is updated by hand may have forgotten to open the door.
fn warn_when_closed(bouncer: Res<Bouncer>) {
    if !bouncer.is_open() {
        tracing::error!("the door is not open: call App::finish before the first update");
    }
}

fn take<T>(once: &Mutex<Option<T>>) -> Option<T> {
    once.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A plugin cannot return an error: the log has it, and the app ends with a failure.
fn fail(app: &mut App, error: impl std::fmt::Display) {
    tracing::error!(%error, "the door cannot open");
    app.world_mut().write_message(AppExit::error());
}
