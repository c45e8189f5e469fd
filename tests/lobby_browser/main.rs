//! The lobby as people use it: the real program, and Chromium.

mod accessibility;
mod browser;
mod chat;
mod connection;
#[path = "../http_client/mod.rs"]
#[expect(dead_code, reason = "the test without a browser looks closer")]
mod http_client;
mod moderation;
mod page;
#[path = "../lobby/program.rs"]
#[expect(dead_code, reason = "the test without a browser uses more of it")]
mod program;
mod wakes;
