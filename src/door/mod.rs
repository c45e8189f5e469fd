//! Before the 101.

pub(crate) mod origin;
mod request;

pub use request::{Credential, HandshakeRequest};

pub(crate) mod listener {
    pub fn bind(
        address: std::net::SocketAddr,
        _: &crate::Limits,
    ) -> std::io::Result<std::net::TcpListener> {
        std::net::TcpListener::bind(address)
    }
}
pub(crate) struct Door;
impl Door {
    pub fn new(
        _: std::sync::Arc<crate::world::Shared>,
        _: std::sync::Arc<dyn crate::auth::ErasedAuthenticator>,
        _: crate::bridge::NetworkEnd,
    ) -> Self {
        Door
    }
    pub async fn open(self, _: std::net::TcpListener) {}
}
