//! The operator's HTTP API, in process: who may ask, what may be asked, and when it is answered.

mod actions;
mod draining;
#[path = "../http_client/mod.rs"]
mod http_client;
mod requests;
mod server;
mod start;
mod tickets;
