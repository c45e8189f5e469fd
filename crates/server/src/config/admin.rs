//! `[admin]`: the operator's HTTP API.

use std::net::SocketAddr;

use super::{
    shape,
    value::{not_empty, required},
};
use crate::problem::Problem;

/// The operator's HTTP API.
#[derive(Debug)]
pub struct AdminSettings {
    pub listen: String,
    /// Whether that may be an address that others reach.
    pub allow_plaintext: bool,
    /// The environment variable with the token.
    pub token_env: String,
}

impl AdminSettings {
    /// Checks the section of a server whose game has this address.
    pub fn check(section: shape::Admin, game: SocketAddr) -> Result<Self, Problem> {
        let listen = required("admin.listen", section.listen)?;
        let address: SocketAddr = listen.parse().map_err(|_| {
            Problem::config(
                "admin.listen",
                "must be an IP address and a port, like 127.0.0.1:9006",
            )
        })?;
        if address == game && address.port() != 0 {
            return Err(Problem::config(
                "admin.listen",
                "must not be the game's own address",
            ));
        }
        let token_env = required("admin.token_env", section.token_env)?;
        Ok(Self {
            listen,
            allow_plaintext: section.allow_plaintext,
            token_env: not_empty("admin.token_env", token_env)?,
        })
    }
}
