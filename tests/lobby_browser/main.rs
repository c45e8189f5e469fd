//! The lobby as people use it: the real program, and Chromium or Firefox.

mod accessibility;
mod away;
mod browser;
mod chat;
mod connection;
mod driver;
mod house;
#[path = "../http_client/mod.rs"]
#[expect(dead_code, reason = "the test without a browser looks closer")]
mod http_client;
mod moderation;
mod page;
#[path = "../lobby/program.rs"]
#[expect(dead_code, reason = "the test without a browser uses more of it")]
mod program;
mod reading;
mod wakes;
mod writing;
