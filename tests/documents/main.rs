//! The documents stay true: what they name exists, what they show compiles, and what they tell to type works.

mod architecture;
mod client;
mod code;
mod commands;
mod endings;
mod markdown;
mod protocol;
mod readme;
mod terminal;
mod walk;
