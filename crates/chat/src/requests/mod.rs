//! What clients ask for, one file for each kind. They do not know each other.

pub(crate) mod delete;
pub(crate) mod moderation;
pub(crate) mod rooms;
pub(crate) mod send;
