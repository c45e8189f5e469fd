//! The chat from outside: real clients that speak `bouncer.v1`, and a game beside it.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod filter;
mod game;
mod held_back;
mod messages;
mod moderation;
mod nodes;
mod p16_nobody_touches_a_superior;
mod rooms;
mod sessions;
mod shown;
mod talker;
