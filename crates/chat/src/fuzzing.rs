//! What the fuzz targets in `fuzz/` need of this crate's inside, as plain data. Compiled for them only.

use bevy_bouncer_protocol::{ErrorCode, OPS};

use crate::protocol;

/// One message of a client, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What an answer refers to.
    pub id: Option<String>,
    /// The name of the chat's request or of what may be the game's own, or the code of the error.
    pub op: Result<(String, bool), &'static str>,
}

/// Reads a message of a client. The request's name comes with whether it is the chat's.
pub fn read(text: &str) -> Request {
    let (id, op) = match bevy_bouncer::parse_client_message(text) {
        Err(bad) => (bad.id, Err(ErrorCode::BadRequest)),
        Ok(message) if !OPS.contains(&message.op.as_str()) => (message.id, Ok((message.op, false))),
        Ok(message) => {
            let request = protocol::parse(message.fields);
            let name = request.map(|request| (format!("{request:?}"), true));
            (message.id, name)
        }
    };
    Request {
        id,
        op: op.map_err(|code| code.as_str()),
    }
}

/// The names of the chat's requests.
pub fn ops() -> &'static [&'static str] {
    OPS
}
