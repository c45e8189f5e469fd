//! Before the 101.
#![allow(dead_code)]

mod authority;
pub(crate) mod credential;
pub(crate) mod head;
pub(crate) mod origin;
mod request;
pub(crate) mod response;
pub(crate) mod subprotocol;
pub(crate) mod throttle;
pub(crate) mod upgrade;

pub use request::{Credential, HandshakeRequest};
