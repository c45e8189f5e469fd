//! `bouncer.v1`: what clients ask for. `docs/protocol.md` describes it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error_code::ErrorCode;
use bevy_bouncer::UserId;

/// The name of the subprotocol, for [`BouncerConfig::subprotocols`](bevy_bouncer::BouncerConfig).
pub const SUBPROTOCOL: &str = "bouncer.v1";
/// Longest id that a client gives to what it sends, in bytes.
const ID_BYTES: usize = 64;
/// Longest name of a room, in bytes.
pub(super) const ROOM_BYTES: usize = 64;
/// Longest reason that a moderator gives, in bytes: it has to fit into a close frame.
const REASON_BYTES: usize = 100;

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
pub(crate) struct Body {
    pub text: String,
}

macro_rules! requests {
    ($($op:literal $name:ident { $($field:ident: $type:ty),* })*) => {
        /// What a client asks the chat for.
        #[derive(Debug, PartialEq, Deserialize)]
        #[cfg_attr(test, derive(serde::Serialize))]
        #[serde(tag = "op")]
        pub(crate) enum Request {
            $(#[serde(rename = $op)] $name { $($field: $type),* },)*
        }

        /// The name of each.
        pub(crate) const OPS: &[&str] = &[$($op),*];
    };
}

requests! {
    "room.list" RoomList {}
    "room.join" RoomJoin { room: String }
    "room.leave" RoomLeave { room: String }
    "chat.send" ChatSend { room: String, d: Body }
    "chat.whisper" ChatWhisper { to: UserId, d: Body }
    "chat.history" ChatHistory { room: String, after: Option<u64>, before: Option<u64> }
    "chat.delete" ChatDelete { room: String, mid: String }
    "chat.typing" ChatTyping { room: String }
    "auth.refresh" AuthRefresh { token: String }
    "mod.mute" ModMute {
        user: UserId, room: Option<String>, seconds: Option<u64>, reason: Option<String>
    }
    "mod.unmute" ModUnmute { user: UserId, room: Option<String> }
    "mod.mutes" ModMutes {}
    "mod.kick" ModKick { user: UserId, reason: Option<String> }
    "mod.ban" ModBan { user: UserId, seconds: Option<u64>, reason: Option<String> }
    "mod.revoke" ModRevoke { user: UserId, reason: Option<String> }
    "mod.restore" ModRestore { user: UserId }
    "mod.slow" ModSlow { room: String, seconds: u64 }
    "mod.freeze" ModFreeze { room: String, on: bool }
}

impl Request {
    /// Whether the answer can have many thousand bytes.
    pub fn has_a_long_answer(&self) -> bool {
        matches!(
            self,
            Self::RoomList {}
                | Self::RoomJoin { .. }
                | Self::ChatHistory { .. }
                | Self::ModMutes {}
        )
    }
}

/// One text message of a client.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// What an answer refers to.
    pub id: Option<String>,
    pub what: Result<Op, ErrorCode>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Op {
    Chat(Request),
    /// Perhaps one of the game's own.
    Other(String, Value),
}

/// Reads a message. Fields that are not known are ignored.
pub(crate) fn parse(text: &str) -> Asked {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Asked {
            id: None,
            what: Err(ErrorCode::BadRequest),
        };
    };
    let (id, has_bad_id) = match object.remove("id") {
        None | Some(Value::Null) => (None, false),
        Some(Value::String(id)) if (1..=ID_BYTES).contains(&id.len()) => (Some(id), false),
        Some(_) => (None, true),
    };
    let what = match has_bad_id {
        true => Err(ErrorCode::BadRequest),
        false => read(object),
    };
    Asked { id, what }
}

fn read(mut object: Map<String, Value>) -> Result<Op, ErrorCode> {
    let Some(Value::String(op)) = object.get("op") else {
        return Err(ErrorCode::BadRequest);
    };
    if !OPS.contains(&op.as_str()) {
        let op = op.clone();
        let content = object.remove("d").unwrap_or(Value::Null);
        return Ok(Op::Other(op, content));
    }
    let fits = |field: &str, least: usize, most: usize| {
        let text = object.get(field).and_then(Value::as_str);
        text.is_none_or(|text| (least..=most).contains(&text.len()))
    };
    if !fits("room", 1, ROOM_BYTES) || !fits("reason", 0, REASON_BYTES) {
        return Err(ErrorCode::BadRequest);
    }
    let request = serde_json::from_value(Value::Object(object));
    request.map(Op::Chat).map_err(|_| ErrorCode::BadRequest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_unknown_fields_are_ignored() {
        let asked =
            parse(r#"{"op":"chat.send","id":"c1","room":"a","d":{"text":"hi","x":1},"y":[]}"#);
        let request = Request::ChatSend {
            room: "a".into(),
            d: Body { text: "hi".into() },
        };
        assert_eq!(asked.id.as_deref(), Some("c1"));
        assert_eq!(asked.what, Ok(Op::Chat(request)));
        let other = parse(r#"{"op":"move","d":{"x":1}}"#).what;
        assert_eq!(
            other,
            Ok(Op::Other("move".into(), serde_json::json!({"x": 1})))
        );
    }

    #[test]
    fn what_does_not_fit_is_a_bad_request() {
        let long = "x".repeat(65);
        let reason = "x".repeat(101);
        for bad in [
            "hello",
            "[]",
            r#"{"id":"a"}"#,
            r#"{"op":1}"#,
            r#"{"op":"room.list","id":""}"#,
            r#"{"op":"room.list","id":7}"#,
            r#"{"op":"room.join"}"#,
            r#"{"op":"room.join","room":""}"#,
            r#"{"op":"chat.send","room":"a","d":"hi"}"#,
            r#"{"op":"chat.whisper","to":"","d":{"text":"hi"}}"#,
            r#"{"op":"chat.history","room":"a","before":-1}"#,
            r#"{"op":"mod.slow","room":"a","seconds":1.5}"#,
            &format!(r#"{{"op":"room.list","id":"{long}"}}"#),
            &format!(r#"{{"op":"room.join","room":"{long}"}}"#),
            &format!(r#"{{"op":"mod.kick","user":"a","reason":"{reason}"}}"#),
        ] {
            assert_eq!(parse(bad).what, Err(ErrorCode::BadRequest), "{bad}");
        }
    }
}
