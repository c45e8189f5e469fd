//! Before the 101.

pub(crate) mod origin;
mod request;

pub use request::{Credential, HandshakeRequest};
