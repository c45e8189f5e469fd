//! Authenticated WebSockets for Bevy game servers.
//!
//! A bouncer checks every player's identity at the door, lets nobody wait inside without it, and throws
//! out at once every player who is barred. Here the door is the HTTP upgrade: a request that does not prove who
//! it is gets an HTTP error and never becomes a WebSocket, let alone an entity.
//!
//! # The first server
//!
//! Three things make a server: a [`BouncerConfig`], something that knows who may come in (an
//! [`Authenticator`], usually [`JwtAuthenticator`] with a [`UserDirectory`]), and the
//! [`BouncerPlugin`] that joins them. A headless app also needs a loop that runs it: Bevy's
//! `ScheduleRunnerPlugin`, or [`WakingRunnerPlugin`]. Without one it ends after its first update.
//!
//! ```no_run
//! use bevy_app::{prelude::*, ScheduleRunnerPlugin};
//! use bevy_bouncer::{TokenIssuer, prelude::*};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ann = User::new("player-1", "Ann")?;
//! let secret = std::env::var("SECRET")?; // 32 bytes or more, which your log-in service has as well
//!
//! let players = MapDirectory::new([ann.clone()]);
//! let tokens = JwtAuthenticator::hs256(&secret)?.audience("game").users(players);
//! let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:9000"), tokens)?;
//!
//! // To try it out: what your log-in service would issue.
//! let issuer = TokenIssuer::hs256(&secret)?.audience("game");
//! println!("ws://{}/ws {}", door.local_addr(), issuer.issue(ann.id())?);
//!
//! App::new()
//!     .add_plugins((ScheduleRunnerPlugin::run_loop(Duration::from_millis(16)), door))
//!     .run();
//! # Ok(())
//! # }
//! ```
//!
//! # Tokens, and how clients bring them
//!
//! A token is a JSON Web Token whose `sub` is the id of the user. The service that logs players in issues it:
//! your own with [`TokenIssuer`] or any library and the same secret, or an OpenID provider whose public
//! keys the server has (`RemoteKeys`, or a [`KeySet`] in a file). [`JwtAuthenticator`] lists what a token
//! must say. For players without tokens, such as guests with an invitation, write an [`Authenticator`].
//!
//! A client connects to `ws://127.0.0.1:9000/ws` with `Authorization: Bearer <token>`, or from a
//! browser with `new WebSocket(url, ["game.v1", "bearer." + token])` once `game.v1` is one of
//! [`BouncerConfig::subprotocols`] and the page's origin one of [`BouncerConfig::origins`]. It is
//! connected, or it gets an HTTP error that says why. In a clone of the repository
//! `cargo run --example client -- URL TOKEN` is such a client.
//!
//! The rest of this page is in the order in which a game needs it. The examples `minimal`,
//! `rooms_and_teams`, `custom_authenticator`, `revoke_and_ban`, `game_server` and `two_nodes` each show one of
//! its sections at work, and `team_chat` the chat from the game's side.
//!
//! # At the door
//!
//! - Users come from a closure, a [`MapDirectory`], SQLite, or a [`UserDirectory`] of your own. It answers with
//!   a [`Standing`]: who exists may still be barred. Implement [`UserDirectory::look_up`] as well, so that moderators can
//!   act on users who are away.
//! - A user who connects twice replaces the older session, is refused, or has several:
//!   [`Limits::duplicate_login`].
//! - A page cannot read why its upgrade was refused. It asks `GET <path>/preflight` first, which says the
//!   same, to the listed origins.
//! - A token should not stand in an address. [`Bouncer::issue_ticket`] exchanges it for a ticket, which may: it
//!   is good once, as `?ticket=…`, for seconds.
//! - Behind a proxy, [`BouncerConfig::trusted_proxies`] says whose word about the client's address counts.
//! - On anything but a loopback address the listener wants TLS (`BouncerConfig::tls`), or
//!   [`BouncerConfig::allow_plaintext`] because a proxy with TLS stands in front.
//! - [`text`] has the rules for what players write and what they are called: [`User::name`] keeps them, whatever the
//!   directory says. Where players choose names, [`text::NameRules`] and [`text::look`] keep them from those of others.
//!
//! # Players are entities
//!
//! A player who was let in is an entity with [`User`] (who it is), [`Connection`] (where it comes from)
//! and a `Name`. `On<Add<User>>` tells that a player joined, [`Disconnected`] that a player left, once
//! for each. An observer of [`Arriving`] can refuse a player, and the client reads why.
//!
//! ```
//! use bevy_bouncer::prelude::*;
//! use bevy_ecs::prelude::*;
//!
//! fn greet(joined: On<Add<User>>, users: Query<&User>, mut outbox: Outbox) {
//!     if let Ok(user) = users.get(joined.entity) {
//!         outbox.broadcast(format!("{} joined", user.name())).ok();
//!     }
//! }
//!
//! fn farewell(left: On<Disconnected>, mut outbox: Outbox) {
//!     let words = format!("{} left: {}", left.user.name(), left.reason);
//!     outbox.broadcast(words).ok();
//! }
//! ```
//!
//! # Messages
//!
//! What clients send are [`ClientFrame`] messages, read in `Update`; what the game sends goes through
//! the [`Outbox`]. Both keep their order. The frame never waits for the network: a tick's output is
//! handed over at its end, and a client that reads too slowly is cut ([`Limits::outgoing_queue_messages`]).
//!
//! ```
//! use bevy_bouncer::prelude::*;
//! use bevy_ecs::prelude::*;
//!
//! fn relay(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
//!     for frame in frames.read() {
//!         if frame.payload.as_text() == Some("ping") {
//!             outbox.send(frame.entity, "pong").ok();
//!         } else {
//!             let payload = frame.payload.clone();
//!             outbox.broadcast_except(frame.entity, payload).ok();
//!         }
//!     }
//! }
//! ```
//!
//! What cannot be sent is a [`SendError`]. A message that is too long, or that finds the queue full, is logged
//! and counted, so `.ok()` is enough. A loop over the messages of all clients must not end with `?`: one
//! message that is not taken would delay or lose the others'. Where a system does return the error, give the
//! app an error handler that goes on, `app.set_error_handler(bevy_ecs::error::error)`: Bevy's own panics.
//!
//! For a room or a team, collect a [`Group`] once and send to it many times: it costs nothing for each
//! message. A server that only reacts to its players can sleep in between, with [`WakingRunnerPlugin`].
//!
//! # Messages with a name
//!
//! Where [`BouncerConfig::subprotocols`] has `bouncer.v1`, a client that agreed on it gets a `hello` before anything else, signs of
//! life, and renews its token by itself. It speaks JSON with a name, which the game reads as Rust types:
//! [`ClientMessageApp::add_client_message`] and [`TypedOutbox`]. The frames of other clients are the game's alone.
//!
//! ```
//! use bevy_app::{App, Update};
//! use bevy_bouncer::{ClientMessageApp, FromPlayer, Outbox, TypedMessage, TypedOutbox};
//! use bevy_ecs::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Cast { spell: String }
//!
//! #[derive(Serialize)]
//! struct Seen { spell: String }
//!
//! impl TypedMessage for Seen {
//!     const OP: &'static str = "seen";
//! }
//!
//! fn cast(mut casts: MessageReader<FromPlayer<Cast>>, mut outbox: Outbox) {
//!     for FromPlayer { message, .. } in casts.read() {
//!         let spell = message.spell.clone();
//!         outbox.broadcast_typed(&Seen { spell }).ok();
//!     }
//! }
//!
//! App::new().add_client_message::<Cast>("cast").add_systems(Update, cast);
//! ```
//!
//! # Out with you
//!
//! [`PlayerCommands::disconnect`] ends a session politely, after what was sent before.
//! [`PlayerCommands::revoke`] is the other way: at once, with everything that was queued thrown away, and for good
//! until [`Bouncer::restore`]. [`Bouncer::revoke`] does the same from any thread. With
//! [`BouncerPlugin::revocations`] it survives a restart.
//!
//! ```
//! use bevy_bouncer::prelude::*;
//! use bevy_ecs::prelude::*;
//!
//! #[derive(EntityEvent)]
//! struct Cheated {
//!     entity: Entity,
//! }
//!
//! fn ban(cheated: On<Cheated>, mut commands: Commands) {
//!     let mut cheater = commands.entity(cheated.entity);
//!     cheater.revoke(|user| user.ban().reason("cheating"));
//! }
//! ```
//!
//! # What is an event, a message, a command
//!
//! Facts about an entity are `EntityEvent`s, to be observed; facts about no entity are `Event`s. Streams are
//! `Message`s, to be read by systems. Requests are commands: [`BouncerCommands`] of the server,
//! [`PlayerCommands`] of one player.
//!
//! # Sessions that last
//!
//! A session ends with its token. [`TokenExpiring`] tells the game in time to ask the client for another
//! one, and [`PlayerCommands::refresh`] takes it; so does [`Bouncer::refresh`] outside of the ECS. Everybody is looked up
//! again every [`Limits::recheck_interval`].
//!
//! Name and roles are the directory's: when a look finds others, the entity gets the new [`User`] and [`UserChanged`]
//! tells the game. Components of the directory ([`Standing::with`]) follow in the same way. Who is not connected can be looked
//! up with [`Bouncer::look_up`].
//!
//! With [`Limits::resume_window`], a player whose connection was lost stays an entity for a while
//! ([`LinkLost`]), and goes on when the user is back ([`LinkRestored`]), after a full check.
//!
//! # Going down
//!
//! [`Bouncer::drain`] takes the server out of service: nobody new comes in, the game hears
//! [`DrainStarted`], and players are closed with 4000, batch by batch, each told another time to come back.
//! The players who are left at the deadline are reset. [`is_draining`] and [`is_ready`] are run conditions.
//!
//! ```
//! use bevy_bouncer::prelude::*;
//! use bevy_ecs::prelude::*;
//! use std::time::Duration;
//!
//! fn restart(bouncer: Res<Bouncer>) {
//!     bouncer.drain(Drain::within(Duration::from_secs(60)).then_exit());
//! }
//!
//! fn last_call(_: On<DrainStarted>, mut outbox: Outbox) {
//!     let words = "the server restarts, see you in a moment";
//!     outbox.broadcast(words).ok();
//! }
//! ```
//!
//! # When systems run
//!
//! [`BouncerSystems::Receive`] runs in `PreUpdate`, [`BouncerSystems::Send`] in `PostUpdate`, and
//! [`BouncerSystems::Shutdown`] in [`AfterLast`], where an `AppExit` of any system closes everybody with 1001.
//!
//! # Limits
//!
//! Nothing is unbounded: every queue, map, buffer and timeout is a field of [`Limits`] with its
//! default, unit and range, and with what happens when it is reached. A value out of range is an error
//! of [`BouncerPlugin::bind`] that names the field.
//!
//! # Many nodes
//!
//! [`BouncerPlugin::cluster`] makes a process one of many that share a [`Backplane`], such as Redis:
//! a player who is revoked on one is out on all. [`ClusterOutbox`] reaches the players of every node.
//!
//! # Features
//!
//! - `tls` (default): `TlsConfig`, TLS in the process.
//! - `sqlite`: `SqliteDirectory`, `SqliteRevocations`, and `SqliteFile` for the game's own.
//! - `admin`: `AdminPlugin`, the operator's HTTP API.
//! - `jwks-url`: `RemoteKeys`, the keys of a key set at a URL or of an OpenID provider.
//! - `redis`: `RedisBackplane`, many nodes over Redis or Valkey.
//!
//! Chat, with rooms, history and moderation, is a crate of its own: `bevy_bouncer_chat`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "admin")]
mod admin;
mod auth;
mod bridge;
mod cluster;
mod config;
mod connection;
mod door;
mod drain;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod identity;
mod messages;
mod plugin;
mod registry;
mod revocation;
mod server;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod util;
mod websocket;
mod world;

/// What may be shown to other players, and which names may be chosen.
#[doc(inline)]
pub use bevy_bouncer_text as text;

#[cfg(feature = "admin")]
pub use admin::{AdminError, AdminPlugin};
#[cfg(feature = "sqlite")]
pub use auth::SqliteDirectory;
pub use auth::{
    Algorithm, Authenticator, Claims, Credential, DirectoryError, HandshakeRequest, IssueError,
    JwtAuthenticator, KeyError, KeySet, Known, MapDirectory, Standing, Ticket, TokenIssuer,
    UserDirectory,
};
#[cfg(feature = "jwks-url")]
pub use auth::{RemoteKeyOptions, RemoteKeys};
#[cfg(feature = "redis")]
pub use cluster::RedisBackplane;
pub use cluster::{
    Audience, Backplane, BackplaneError, BackplaneFuture, Claim, Claimed, ClusterCounters,
    ClusterFrame, ClusterOptions, Faults, HeldSeat, InProcessBackplane, Issue, ListPage, LogBatch,
    LogEntry, LogPosition, NodeId, RefusedWrite, Seat, SeatPlace, SharedEntry, SharedState,
    SharedStateChanged, SharedStateCounters, SharedStateError, SharedStateLimits, StateChanges,
    StateCondition, StateEntry, StateMap, StatePosition, StateVersion, StateWrite, StateWritten,
    WhenFull,
};
#[cfg(feature = "tls")]
pub use config::TlsConfig;
pub use config::{BouncerConfig, ConfigError, DuplicateLogin, Limits, MessageOptions};
pub use drain::{Drain, DrainReport, Draining};
pub use http::ForwardedHeader;
pub use identity::{
    Admission, ConnectionId, DisconnectReason, GameCode, InvalidIdentity, OwnedComponents, Payload,
    Refusal, RefusalKind, USER_ID_MAX_BYTES, USER_NAME_MAX_BYTES, USER_ROLE_MAX_BYTES,
    USER_ROLES_MAX, User, UserId,
};
pub use messages::{
    BadMessage, ClientErrors, ClientMessage, ClientMessageApp, ClientRequest, FromPlayer,
    HelloPart, MessageSystems, SendTypedError, TypedMessage, TypedOutbox, parse_client_message,
};
pub use plugin::{AfterLast, BouncerError, BouncerPlugin, BouncerSystems};
#[cfg(feature = "sqlite")]
pub use revocation::SqliteRevocations;
pub use revocation::{
    Decision, MemoryRevocations, Receipt, Revocation, RevocationKind, RevocationStore, StoreError,
    StoreFuture, Subject,
};
pub use server::runtime;
#[cfg(feature = "sqlite")]
pub use util::{SqliteError, SqliteFile};
pub use world::{
    Arriving, Bouncer, BouncerCommands, ClientFrame, Cluster, ClusterOutbox, Connection, Counters,
    Disconnected, DrainStarted, Group, Leaving, LinkLost, LinkRestored, Outbox, PlayerCommands,
    PlayerInfo, Players, Refreshed, RevocationNotStored, SendError, TokenExpiring, UserChanged,
    WakingRunnerPlugin, is_draining, is_ready,
};

/// What most servers need.
pub mod prelude {
    pub use crate::{
        Admission, Arriving, Authenticator, Bouncer, BouncerCommands, BouncerConfig, BouncerPlugin,
        BouncerSystems, ClientFrame, Connection, Credential, DisconnectReason, Disconnected, Drain,
        DrainStarted, DuplicateLogin, GameCode, Group, JwtAuthenticator, Leaving, Limits, LinkLost,
        LinkRestored, MapDirectory, Outbox, Payload, PlayerCommands, Players, Refreshed, Refusal,
        Revocation, SendError, Subject, TokenExpiring, TokenIssuer, User, UserChanged, UserId,
        is_draining, is_ready,
    };
    #[cfg(feature = "sqlite")]
    pub use crate::{SqliteDirectory, SqliteRevocations};
}

/// The code in the documents compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/chat.md")]
#[cfg_attr(feature = "redis", doc = include_str!("../docs/nodes.md"))]
struct Documents;
