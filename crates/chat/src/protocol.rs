//! `bouncer.v1` as the server reads and writes it. `docs/protocol.md` describes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bevy_bouncer::{User, UserId, text::clean_line};
use bevy_bouncer_protocol::{
    ClientMessage, ErrorCode, REASON_MAX_BYTES, ROOM_NAME_MAX_BYTES, ServerMessage, Speaker,
};
use serde_json::{Map, Value};

/// What a client asks the chat for.
pub(crate) type Request = ClientMessage<UserId>;

/// A refusal, with the time after which the request may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub code: ErrorCode,
    pub retry: Option<Duration>,
}

impl From<ErrorCode> for Denied {
    fn from(code: ErrorCode) -> Self {
        Self { code, retry: None }
    }
}

impl Denied {
    pub fn after(code: ErrorCode, retry: Duration) -> Self {
        Self {
            code,
            retry: Some(retry),
        }
    }

    /// The answer to the request with this id.
    pub fn message(&self, re: Option<String>) -> ServerMessage {
        ServerMessage::Err {
            re,
            code: self.code.as_str().into(),
            retry_ms: self.retry.map(milliseconds),
        }
    }
}

/// Reads a request. Fields that are not known are ignored, and of a reason stays what can be shown in a line.
pub(crate) fn parse(mut object: Map<String, Value>) -> Result<Request, ErrorCode> {
    let fits = |field: &str, least: usize, most: usize| {
        let text = object.get(field).and_then(Value::as_str);
        text.is_none_or(|text| (least..=most).contains(&text.len()))
    };
    if !fits("room", 1, ROOM_NAME_MAX_BYTES) || !fits("reason", 0, REASON_MAX_BYTES) {
        return Err(ErrorCode::BadRequest);
    }
    if let Some(Value::String(reason)) = object.get("reason") {
        let shown = clean_line(reason).into_owned();
        let shown = (!shown.is_empty()).then_some(Value::String(shown));
        object.insert("reason".to_owned(), shown.unwrap_or_default());
    }
    serde_json::from_value(Value::Object(object)).map_err(|_| ErrorCode::BadRequest)
}

/// A message as it is sent.
pub(crate) fn json(message: &ServerMessage) -> String {
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_string(message).unwrap_or_default()
}

/// A user as the author or the receiver of something.
pub(crate) fn speaker(user: &User) -> Speaker {
    Speaker {
        id: Some(user.id().as_str().into()),
        name: user.name().into(),
    }
}

/// Rounded up, so that the time is over then.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Now, in unix milliseconds.
pub(crate) fn unix_milliseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use bevy_bouncer::parse_client_message;
    use bevy_bouncer_protocol::Body;

    use super::*;

    fn read(text: &str) -> Result<Request, ErrorCode> {
        let message = parse_client_message(text).map_err(|_| ErrorCode::BadRequest)?;
        parse(message.fields)
    }

    #[test]
    fn a_request_is_read_and_unknown_fields_are_ignored() {
        let text = r#"{"op":"chat.send","id":"c1","room":"a","d":{"text":"hi","x":1},"y":[]}"#;
        let request = Request::ChatSend {
            room: "a".into(),
            d: Body { text: "hi".into() },
        };
        assert_eq!(read(text), Ok(request));
    }

    #[test]
    fn of_a_reason_stays_what_can_be_shown() {
        for (reason, shown) in [
            ("spam\u{202e}", Some("spam")),
            (" calm\ndown ", Some("calm down")),
            ("\u{200b}", None),
            ("", None),
        ] {
            let text = serde_json::json!({ "op": "mod.kick", "user": "ann", "reason": reason });
            let kick = Request::ModKick {
                user: UserId::new("ann").unwrap(),
                reason: shown.map(str::to_owned),
            };
            assert_eq!(read(&text.to_string()), Ok(kick), "{reason:?}");
        }
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
            assert_eq!(read(bad), Err(ErrorCode::BadRequest), "{bad}");
        }
    }
}
