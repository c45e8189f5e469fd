//! The configuration file of `bouncer`: what it may say, and that its documentation is true. The binary's
//! modules are compiled in, because a binary has nothing that can be imported.

mod accepted;
#[path = "../../src/config/mod.rs"]
#[expect(
    dead_code,
    reason = "the binary uses parts that are of no interest here"
)]
mod config;
mod default_file;
#[path = "../../src/file.rs"]
mod file;
mod keys;
mod page;
#[path = "../../src/problem.rs"]
#[expect(dead_code, reason = "the exit code is the binary's")]
mod problem;
mod refused;
