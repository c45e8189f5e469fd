//! What a game can see of the chat, and change: what is said, who comes into rooms, and what moderators do.

pub(crate) mod entering;
pub(crate) mod moderation;
pub(crate) mod speaking;
