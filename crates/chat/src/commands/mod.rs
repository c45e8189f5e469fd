//! What the game asks for, as commands.

pub(crate) mod enter;
pub(crate) mod moderate;
pub(crate) mod notice;
