//! What the game sees. Nothing in here touches a socket.
//!
//! One rule says what is what:
//!
//! - facts about an entity are `EntityEvent`s, for observers: [`Disconnected`], [`LinkLost`], [`Refreshed`];
//!   facts about no entity, such as [`Arriving`] and [`DrainStarted`], are `Event`s;
//! - streams are `Message`s, for systems: [`ClientFrame`], [`RevocationNotStored`];
//! - requests are commands: [`BouncerCommands`] of the server, [`PlayerCommands`] of one player. Outside of the
//!   ECS, [`Bouncer`] has them as methods.

mod arrivals;
mod bouncer;
mod cluster;
mod commands;
mod components;
mod departures;
mod drain;
mod events;
mod first_message;
mod follow;
mod group;
mod inbox;
mod incoming;
mod link;
mod outbox;
mod receive;
mod refresh;
mod roster;
mod run_conditions;
mod send;
mod send_error;
mod shutdown;
mod tick_output;
mod waking_runner;

pub use bouncer::{Bouncer, Counters, PlayerInfo};
pub(crate) use cluster::{
    Arrived, has_frames as has_cluster_frames, has_state_changes,
    receive as receive_cluster_frames, receive_state_changes,
};
pub use cluster::{Cluster, ClusterOutbox};
pub use commands::{BouncerCommands, PlayerCommands};
pub use components::{Connection, Players};
pub(crate) use drain::exit_when_over;
pub use events::{
    Arriving, ClientFrame, Disconnected, DrainStarted, Leaving, LinkLost, LinkRestored,
    RevocationNotStored,
};
pub(crate) use first_message::FirstMessage;
pub use follow::UserChanged;
pub use group::Group;
pub(crate) use incoming::Incoming;
pub use outbox::Outbox;
pub(crate) use receive::{cut, receive};
pub use refresh::{Refreshed, TokenExpiring};
pub(crate) use roster::{RegistryRef, Roster, on_remove};
pub(crate) use run_conditions::{has_departures, has_incoming, is_exiting};
pub use run_conditions::{is_draining, is_ready};
pub(crate) use send::send;
pub use send_error::SendError;
pub(crate) use shutdown::shut_down;
pub(crate) use tick_output::TickOutput;
pub use waking_runner::WakingRunnerPlugin;
