//! The chat from outside: real clients that speak `bouncer.v1`, and a game beside it.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod filter;
mod fleet;
mod game;
mod held_back;
mod messages;
mod moderating;
mod moderation;
mod nodes;
mod nodes_in_process;
mod p16_nobody_touches_a_superior;
mod rooms;
mod sessions;
mod shown;
mod talker;
mod three_nodes;
