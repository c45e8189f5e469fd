//! What stops the server, with the configuration field that it is about.

use std::{fmt, process::ExitCode};

use bevy_bouncer::ConfigError;

/// An error that names the field it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    field: String,
    reason: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The configuration cannot be used.
    Config,
    /// The configuration is fine, but the machine does not go along: a port is taken, a database
    /// is locked.
    Runtime,
}

impl Problem {
    /// The configuration cannot be used.
    pub fn config(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            field: field.into(),
            reason: reason.to_string(),
            kind: Kind::Config,
        }
    }

    /// Something that the configuration names cannot be had now.
    pub fn runtime(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Runtime,
            ..Self::config(field, reason)
        }
    }

    /// 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Config => ExitCode::from(2),
            Kind::Runtime => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::config(error.field, error.reason)
    }
}
