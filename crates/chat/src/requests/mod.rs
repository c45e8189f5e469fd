//! What clients ask for, one file for each kind. They do not know each other.

pub(crate) mod delete;
pub(crate) mod mutes;
pub(crate) mod removal;
pub(crate) mod rooms;
pub(crate) mod rules;
pub(crate) mod send;
