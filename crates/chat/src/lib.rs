//! Chat: rooms, whispers, history, presence and moderation, in the subprotocol [`SUBPROTOCOL`].
//!
//! The chat is a crate of its own and uses nothing of [`bevy_bouncer`] that a game could not use. [`ChatPlugin`] joins the parts; clients in
//! browsers use `assets/client/`, and `docs/protocol.md` describes what they say.
//!
//! # Rooms are entities
//!
//! Spawn a [`Room`] to open one, despawn it to close it. [`RoomMembers`] has who is in it, [`InRooms`] on a
//! player the rooms that this player is in, and [`RoomRules`] what holds in a room: change them, and members are told.
//!
//! # What a game can do
//!
//! - See: [`Spoken`] and [`Moderated`] are messages, [`Users`] knows who is muted.
//! - Veto, change the words, or answer them as a command: observe [`Speaking`]; for what takes time there is a [`ChatFilter`].
//! - Speak: write an [`Announcement`], as the game itself or as one of its characters, or queue a [`Notice`] to one reader.
//! - Say who is where: queue [`Enter`] and [`Leave`], observe [`Entering`], and open rooms for those of whom something is true
//!   in the world ([`Room::only_if`]).
//! - Moderate, in a user's name or the house's: queue [`Moderate`], and read [`ModerationResult`].
//!
//! Requests are commands, as `commands.queue(Enter { .. })`; what has happened is an event or a message.
//! - Add messages of its own: [`ClientMessageApp::add_client_message`], [`TypedOutbox`].
//!
//! # Many nodes
//!
//! With [`BouncerPlugin::cluster`](bevy_bouncer::BouncerPlugin::cluster), rooms of the same name on all nodes are one:
//! messages and whispers reach the others as frames; mutes, rules and deletions are shared state, which a node that starts has
//! before it lets anybody in. Member lists are those of the own node; [`FleetPresence`] has who is online on the others.
//!
//! # Who may what
//!
//! Each room has a [`RoomAccess`]. Users with the role `moderator` moderate everybody below them, those with
//! the role `admin` also moderators. Nobody touches a peer, and only admins end or replace an admin's mute. Two
//! things are left to trust: moderators may restore every user below them, and admins may decide about users of
//! whom the server knows nothing.
//!
//! # Features
//!
//! - `sqlite`: `SqliteChat`, which keeps messages and mutes in a file.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

// A request goes from `dispatch`, or from the game through `commands`, to one of `requests`, which asks the `ChatContext` whether it may be done. What happens
// then is a `ChatEvent`: `ChatContext::apply` changes the state, archives the event, relays it to the other nodes and
// tells the clients. What other nodes relay comes through `cluster_in` to the same place. `tests/floors.rs` says which
// module may import which.
mod archive;
mod cluster_in;
mod commands;
mod conditions;
mod context;
mod decisions;
mod deferred;
mod dispatch;
#[cfg(test)]
mod document;
mod entry;
mod events;
mod filter;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod handled;
mod membership;
mod model;
mod online;
mod options;
mod plugin;
mod presence;
mod protocol;
mod publish;
mod rank_check;
mod requests;
mod shared;
mod stored;

#[cfg(feature = "sqlite")]
pub use archive::sqlite::SqliteChat;
pub use archive::{ArchiveError, ArchiveFuture, ChatArchive, ChatRecord, LoadedArchive};
pub use bevy_bouncer::{ClientMessageApp, FromPlayer, SendTypedError, TypedMessage, TypedOutbox};
pub use bevy_bouncer_protocol::{BOUNCER_V1 as SUBPROTOCOL, ErrorCode, Tone};
pub use commands::{
    enter::{Enter, Leave},
    moderate::Moderate,
    notice::{Notice, Reader},
};
pub use events::{
    entering::{EnterRefused, Entering},
    moderation::{Moderated, Moderation, ModerationResult},
    speaking::{Announcement, Speaking, Spoken},
};
pub use filter::{ChatFilter, Draft, FilterFuture, Verdict};
pub use model::{
    access::{ByRole, Invited, Open, RoomAccess, RoomAudience},
    fleet_presence::{FleetPresence, OnlineUser},
    history::{RoomHistory, StoredMessage},
    members::{AskedBy, InRooms, RoomMembers},
    mutes::{MutedIn, StoredMute},
    room::{Room, RoomRules},
    users::Users,
};
pub use options::{ChatOptions, FilterFailure};
pub use plugin::{ChatPlugin, ChatSystems};
