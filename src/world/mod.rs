//! What the game sees. Nothing in here touches a socket.

mod bouncer;
mod cluster;
mod commands;
mod components;
mod drain;
mod events;
mod group;
mod link;
mod outbox;
pub(crate) mod receive;
mod refresh;
mod roster;
pub(crate) mod send;
pub(crate) mod shutdown;
mod waking_runner;

pub use bouncer::{Bouncer, Counters, PlayerInfo};
pub(crate) use cluster::{Arrived, receive as receive_cluster_frames};
pub use cluster::{Cluster, ClusterOutbox};
pub use commands::BouncerCommands;
pub use components::{Connection, Players};
pub(crate) use drain::exit_when_over;
pub use drain::is_draining;
pub use events::{
    Arriving, ClientFrame, Disconnect, Disconnected, DrainStarted, LinkLost, LinkRestored,
    RevocationNotStored,
};
pub use group::Group;
pub use outbox::Outbox;
pub(crate) use outbox::Outgoing;
pub(crate) use refresh::on_refresh;
pub use refresh::{Refresh, Refreshed, TokenExpiring};
pub(crate) use roster::{RegistryRef, Roster, on_disconnect, on_remove};
pub use waking_runner::WakingRunnerPlugin;
