//! The halves of one connection that the network and the game share.

mod backlog;
pub(crate) mod frame;
mod handle;
mod inbound;
mod outbound;

pub(crate) use backlog::FrameBatch;
pub(crate) use handle::{Handle, Left};
pub(crate) use inbound::{Inbound, InboundLimits};
pub(crate) use outbound::{Outbound, Written};
