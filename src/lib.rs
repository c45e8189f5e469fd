//! Authenticated WebSockets for Bevy game servers.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "admin")]
mod admin;
mod auth;
mod bridge;
mod config;
mod door;
mod goodbye;
mod identity;
mod payload;
mod plugin;
mod refusal;
mod registry;
mod revocation;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sync;
mod token;
mod world;

#[cfg(feature = "admin")]
pub use admin::{AdminError, AdminPlugin};
#[cfg(feature = "sqlite")]
pub use auth::SqliteDirectory;
pub use auth::{
    Algorithm, Authenticator, Claims, DirectoryError, IssueError, JwtAuthenticator, KeyError,
    KeySet, MapDirectory, Standing, TokenIssuer, UserDirectory,
};
pub use config::{BouncerConfig, ConfigError, DuplicateLogin, Limits};
pub use door::{Credential, HandshakeRequest};
pub use goodbye::DisconnectReason;
pub use identity::{
    Admission, ConnectionId, InvalidIdentity, USER_ID_MAX_BYTES, USER_NAME_MAX_BYTES,
    USER_ROLE_MAX_BYTES, USER_ROLES_MAX, User, UserId,
};
pub use payload::Payload;
pub use plugin::{BouncerError, BouncerPlugin, BouncerSystems};
pub use refusal::{Refusal, RefusalKind};
pub use registry::Receipt;
#[cfg(feature = "sqlite")]
pub use revocation::SqliteRevocations;
pub use revocation::{
    MemoryRevocations, Revocation, RevocationKind, RevocationStore, StoreError, StoreFuture,
    Subject,
};
pub use world::{
    Arriving, Bouncer, BouncerCommands, ClientFrame, Connection, Counters, Disconnect,
    Disconnected, Outbox, PlayerInfo, Players, RevocationNotStored,
};
