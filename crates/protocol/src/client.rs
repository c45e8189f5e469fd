//! `bouncer.v1`: what clients ask for.

use serde::{Deserialize, Serialize};

use crate::{server::Body, token::Token};

/// Longest id that a client gives to a request, in bytes. The shortest has one.
pub const REQUEST_ID_MAX_BYTES: usize = 64;
/// Longest name of a room, in bytes. The shortest has one.
pub const ROOM_NAME_MAX_BYTES: usize = 64;
/// Longest reason that a moderator gives, in bytes: it has to fit into a close frame.
pub const REASON_MAX_BYTES: usize = 100;

macro_rules! client_messages {
    ($($(#[$doc:meta])* $op:literal $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty),*
    })*) => {
        /// A request of a client. Beside its fields it may have an `id`, a string, to which the answer refers.
        ///
        /// `Id` is what stands for a user: a `String`, or the server's own type that checks what it reads.
        ///
        /// ```
        /// use bevy_bouncer_protocol::ClientMessage;
        ///
        /// let message: ClientMessage = serde_json::from_str(r#"{"op": "room.join", "room": "lobby"}"#)?;
        /// assert_eq!(message, ClientMessage::RoomJoin { room: "lobby".into() });
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "op")]
        pub enum ClientMessage<Id = String> {
            $(
                $(#[$doc])*
                #[serde(rename = $op)]
                #[allow(missing_docs, reason = "docs/protocol.md describes the fields")]
                $name { $($(#[$field_meta])* $field: $type),* },
            )*
        }

        /// The name of each [`ClientMessage`].
        pub const OPS: &[&str] = &[$($op),*];
    };
}

client_messages! {
    /// Which rooms there are.
    "room.list" RoomList {}
    /// Comes into a room.
    "room.join" RoomJoin { room: String }
    /// Leaves a room.
    "room.leave" RoomLeave { room: String }
    /// Says something in a room.
    "chat.send" ChatSend { room: String, d: Body }
    /// Says something to one user.
    "chat.whisper" ChatWhisper { to: Id, d: Body }
    /// Messages of a room before or after a number.
    "chat.history" ChatHistory {
        room: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<u64>
    }
    /// Deletes a message.
    "chat.delete" ChatDelete { room: String, mid: String }
    /// The user is writing.
    "chat.typing" ChatTyping { room: String }
    /// Lets the session last on a new token.
    "auth.refresh" AuthRefresh { token: Token }
    /// A user may not speak for some seconds.
    "mod.mute" ModMute {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>
    }
    /// A user may speak again.
    "mod.unmute" ModUnmute {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>
    }
    /// Who is muted.
    "mod.mutes" ModMutes {}
    /// Ends a user's sessions.
    "mod.kick" ModKick {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>
    }
    /// Keeps a user out, for some seconds or for good.
    "mod.ban" ModBan {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>
    }
    /// Ends a user's sessions, and accepts only tokens that are issued from now on.
    "mod.logout" ModLogOut {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>
    }
    /// Accepts none of a user's tokens.
    "mod.revoke" ModRevoke {
        user: Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>
    }
    /// Lets a user in again.
    "mod.restore" ModRestore { user: Id }
    /// The slow mode of a room.
    "mod.slow" ModSlow { room: String, seconds: u64 }
    /// Whether only moderators may speak in a room.
    "mod.freeze" ModFreeze { room: String, on: bool }
}
