//! The chat from outside: real clients that speak `bouncer.v1`, and a game beside it.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod conditions;
mod entering;
mod filter;
mod fleet;
mod game;
mod game_moderates;
mod handled;
mod held_back;
mod late_frames;
mod log_out;
mod messages;
mod moderating;
mod moderation;
mod nodes;
mod nodes_in_process;
mod notices;
mod p16_nobody_touches_a_superior;
mod rooms;
mod rules;
mod sessions;
mod shown;
mod stored;
mod talker;
mod three_nodes;
