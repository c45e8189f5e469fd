//! What the game sees. Nothing in here touches a socket.

mod bouncer;
mod components;
pub(crate) mod drain;
mod events;
mod group;
mod outbox;
pub(crate) mod receive;
mod roster;
pub(crate) mod send;
mod waking_runner;

pub(crate) use bouncer::Shared;
pub use bouncer::{Bouncer, BouncerCommands, Counters, PlayerInfo};
pub use components::{Connection, Players};
pub use drain::is_draining;
pub use events::{
    Arriving, ClientFrame, Disconnect, Disconnected, DrainStarted, RevocationNotStored,
};
pub use group::Group;
pub use outbox::Outbox;
pub(crate) use outbox::Outgoing;
pub(crate) use roster::{RegistryRef, Roster, on_disconnect, on_remove};
pub use waking_runner::WakingRunnerPlugin;
