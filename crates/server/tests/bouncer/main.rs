//! `bouncer` from outside: the binary as a process, real sockets, real signals.
#![cfg(unix)]

mod bouncer_v1;
mod cluster;
mod command_line;
mod config;
mod database;
mod draining;
#[expect(dead_code, reason = "the tests of the admin API look closer")]
#[path = "../../../../tests/http_client/mod.rs"]
mod http_client;
mod login_service;
mod process;
mod refusals;
mod running;
mod tls;
mod token;
