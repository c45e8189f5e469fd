//! Why a handshake goes no further.

use crate::{http::HeadError, identity::Refusal};

/// Why a handshake goes no further.
pub(super) enum Stopped {
    /// The client gets this answer.
    Refused(Refusal),
    /// The client is gone: nobody is there to be answered.
    Gone,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<HeadError> for Stopped {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Refused(refusal) => Self::Refused(refusal),
            HeadError::Gone => Self::Gone,
        }
    }
}
