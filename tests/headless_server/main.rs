//! The headless server from outside: the built example as a process, real sockets, real signals.
#![cfg(all(unix, feature = "admin", feature = "sqlite", feature = "tls"))]

#[cfg(feature = "redis")]
mod cluster;
mod config;
mod database;
mod draining;
#[expect(dead_code, reason = "the tests of the admin API look closer")]
#[path = "../http_client/mod.rs"]
mod http_client;
mod login_service;
mod process;
mod refusals;
mod running;
mod tls;
mod token;
