//! Before the 101.
#![allow(dead_code)]

mod authority;
pub(crate) mod head;
pub(crate) mod origin;
mod request;

pub use request::{Credential, HandshakeRequest};
