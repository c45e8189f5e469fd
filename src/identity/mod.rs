//! Who a player is: the values that the door establishes and nothing else can change.
//!
//! Everything in here comes from the authenticator. Nothing that a client sends after the handshake
//! reaches these types.

mod admission;
mod close_reason;
mod connection_id;
mod owned_components;
mod payload;
mod refusal;
mod token_facts;
mod user;

pub use admission::Admission;
pub(crate) use admission::Extra;
pub(crate) use close_reason::CloseReason;
pub use close_reason::{DisconnectReason, GameCode};
pub use connection_id::ConnectionId;
pub use owned_components::OwnedComponents;
pub use payload::Payload;
pub use refusal::{Refusal, RefusalKind};
pub(crate) use token_facts::TokenFacts;
pub use user::{
    InvalidIdentity, USER_ID_MAX_BYTES, USER_NAME_MAX_BYTES, USER_ROLE_MAX_BYTES, USER_ROLES_MAX,
    User, UserId,
};
