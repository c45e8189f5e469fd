//! What both ends of `bevy_bouncer` agree on.
//!
//! Nothing here does anything: there is no I/O and no Bevy, so servers, clients and browsers (wasm32) share it.
//!
//! - [`CloseCode`] says why a connection ended, [`RefusalKind`] why there was none, and [`Advice`] what a client
//!   does about either.
//! - [`BOUNCER_V1`] and [`BEARER_PREFIX`] are what a client offers as subprotocols.
//! - [`ClientMessage`] and [`ServerMessage`] are the messages of `bouncer.v1`, [`ErrorCode`] is why a request was
//!   not done, and [`Envelope`] is around a game's own messages.
//!
//! ```
//! use bevy_bouncer_protocol::{Advice, CloseCode};
//!
//! assert_eq!(CloseCode::Draining.number(), 4000);
//! assert_eq!(CloseCode::Draining.advice(), Advice::Reconnect);
//! // The ranges hold for codes that a later version adds.
//! assert_eq!(Advice::for_close_code(4199), Advice::NewToken);
//! ```

mod advice;
mod client;
mod close_code;
mod envelope;
mod error_code;
mod joined_room;
mod refusal;
mod server;
mod subprotocol;
mod token;
mod tone;

pub use advice::Advice;
pub use client::{ClientMessage, OPS, REASON_MAX_BYTES, REQUEST_ID_MAX_BYTES, ROOM_NAME_MAX_BYTES};
pub use close_code::{CloseCode, GameCode};
pub use envelope::Envelope;
pub use error_code::ErrorCode;
pub use joined_room::JoinedRoom;
pub use refusal::{RefusalBody, RefusalKind};
pub use server::{
    Ack, Body, ChatMessage, ListedMute, ListedRoom, Member, MessageLimits, OwnUser, ReconnectHints,
    Rules, ServerMessage, Speaker,
};
pub use subprotocol::{BEARER_PREFIX, BOUNCER_V1};
pub use token::Token;
pub use tone::Tone;
