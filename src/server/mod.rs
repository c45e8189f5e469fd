//! The tasks of a server.

pub(crate) mod drain;
pub(crate) mod recheck;
