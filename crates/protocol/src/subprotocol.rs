//! What a client offers in `Sec-WebSocket-Protocol`.

/// The subprotocol of [`ClientMessage`](crate::ClientMessage) and [`ServerMessage`](crate::ServerMessage).
pub const BOUNCER_V1: &str = "bouncer.v1";

/// What stands before the token where it is offered as a subprotocol, since browsers cannot set headers. The
/// server never selects it.
pub const BEARER_PREFIX: &str = "bearer.";
