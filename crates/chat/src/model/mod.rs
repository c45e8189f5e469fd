//! What the chat knows, as data: rooms, who is in them, what was said, and what is remembered of users.

pub(crate) mod access;
pub(crate) mod answers_given;
pub(crate) mod closed_rooms;
pub(crate) mod fleet_presence;
pub(crate) mod history;
pub(crate) mod ids;
pub(crate) mod members;
pub(crate) mod mutes;
pub(crate) mod rate_limit;
pub(crate) mod role;
pub(crate) mod room;
pub(crate) mod room_lists;
pub(crate) mod text;
pub(crate) mod users;
