//! What the game tells the network.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    connection::Outbound,
    identity::{CloseReason, ConnectionId},
};

/// What the game tells the network, in the order in which it said it.
pub(crate) enum Command {
    /// From here on broadcasts reach this connection.
    Join {
        id: ConnectionId,
        outbound: Arc<Outbound>,
    },
    /// One finished frame.
    Send { to: Recipients, frame: Bytes },
    /// What was sent before still goes out, then Close. Also for a session that has ended already.
    Leave {
        id: ConnectionId,
        close_reason: CloseReason,
    },
}

/// Who gets a frame.
#[derive(Debug, Clone)]
pub(crate) enum Recipients {
    One(ConnectionId),
    Some(Arc<[ConnectionId]>),
    Everyone,
    EveryoneBut(ConnectionId),
}
