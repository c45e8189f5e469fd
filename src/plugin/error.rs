//! What keeps the door closed.

use std::{io, net::SocketAddr};

use thiserror::Error;

use crate::{cluster::BackplaneError, config::ConfigError, revocation::StoreError};

/// Why the door cannot open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BouncerError {
    /// A field of the configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener could not be bound.
    #[error("listen: cannot bind {address}: {source}")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The store of revocations cannot be opened. When it cannot be read, the app ends instead.
    #[error("revocations: {0}")]
    Revocations(#[from] StoreError),
    /// The node of a fleet could not be made.
    #[error("cluster: {0}")]
    Cluster(#[from] BackplaneError),
}
