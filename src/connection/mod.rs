//! The halves of one connection that the network and the game share.

mod backlog;
pub(crate) mod frame;
mod handle;
mod outbound;

pub(crate) use backlog::Run;
pub(crate) use handle::{Handle, Left, refusal_for};
pub(crate) use outbound::{Outlet, Written};
