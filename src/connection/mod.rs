//! The halves of one connection that the network and the game share.
//!
//! - [`Handle`]: who is connected, how far the connection has come, and the fence.
//! - [`Inbound`]: the client's messages that wait for the game.
//! - [`Outbound`]: the game's frames that wait for the socket.
//!
//! # The order of locks
//!
//! A lock may be taken while one that stands above it is held, never the other way round. The two of the first row
//! are never held together.
//!
//! | lock | what is taken under it |
//! |---|---|
//! | `Registry::index`, `Outbound::side` | all below |
//! | `Handle::phase` | `DrainState::players`; a non-blocking write of at most 64 KiB to the socket |
//! | `Handle::identity` | `Handle::token` |
//! | `Handle::token`, `Journal::waiting`, `DrainState::players` | nothing |
//! | `Handle::kept` | the state of the cluster's seats |
//! | the state of the cluster's seats | nothing |
//! | `TlsAcceptor::reloading` | `TlsAcceptor::current`; the files of the certificate are read |
//!
//! Worked example: a revocation holds `Registry::index` while it notes the entry and appends it to
//! `Journal::waiting`, lets go, and only then takes the `Handle::phase` of each session. The fan-out holds
//! `Outbound::side` and takes `Handle::phase` for its write. So the fence of one session
//! waits for one write of that session at most.
//!
//! Every other lock (`Inbound::queue`, the tables of the door, tickets, refused tokens) is taken alone and held for a
//! few map operations; the receiver of frames between nodes alone also decodes one frame under its own. No lock is
//! held across an `.await`.

mod backlog;
mod handle;
mod inbound;
mod outbound;
#[cfg(test)]
mod tests;

pub(crate) use backlog::FrameBatch;
pub(crate) use handle::{Fence, Followed, Handle, Left, Look};
pub(crate) use inbound::{Inbound, InboundLimits};
pub(crate) use outbound::{Outbound, Written};
