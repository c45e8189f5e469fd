//! Why the lobby cannot start, with the port or the file that it is about.

use std::{error::Error, fmt::Display, io, path::Path};

use thiserror::Error;

/// See the module's documentation.
#[derive(Debug, Error)]
pub enum StartError {
    /// A port is in use, or may not be used.
    #[error("port {port} for {what} cannot be opened: {cause}")]
    Port {
        port: u16,
        what: &'static str,
        cause: String,
    },
    /// A file or directory cannot be made, read or written.
    #[error("{path}: {cause}")]
    Path { path: String, cause: String },
    /// Another process has this data.
    #[error(
        "another lobby is running with the data in {path}: stop it, or choose another directory with --data"
    )]
    InUse { path: String },
    /// Something else.
    #[error(transparent)]
    Other(#[from] Box<dyn Error>),
}

impl StartError {
    /// This port.
    pub fn port(what: &'static str, port: u16, cause: impl Display) -> Self {
        let cause = cause.to_string();
        Self::Port { port, what, cause }
    }

    /// This file or directory.
    pub fn path(path: &Path, cause: impl Display) -> Self {
        Self::Path {
            path: path.display().to_string(),
            cause: cause.to_string(),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}
