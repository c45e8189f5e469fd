//! Keys from a URL: a key server on loopback that rotates, stalls, lies and breaks, and what players
//! notice of it.

mod configuration;
mod discovery;
mod door;
mod hostile;
mod key;
mod key_server;
mod log;
mod rotation;
mod staleness;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod verify;
