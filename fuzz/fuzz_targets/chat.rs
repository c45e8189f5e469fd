//! What clients say to the chat: whatever comes is read or refused with a code, and what is taken keeps the limits that
//! `docs/protocol.md` states.

#![no_main]

use bevy_bouncer_chat::fuzzing::{ops, read};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let request = read(&text);
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let object = json.as_ref().and_then(Value::as_object);
    let Some(object) = object else {
        assert_eq!((request.id, request.op), (None, Err("bad_request")));
        return;
    };
    let op = object.get("op").and_then(Value::as_str);
    match &request.op {
        Err(code) => assert_eq!(*code, "bad_request"),
        Ok((name, false)) => {
            assert_eq!(Some(name.as_str()), op);
            assert!(!ops().contains(&name.as_str()));
        }
        Ok((_, true)) => {
            assert!(op.is_some_and(|op| ops().contains(&op)));
            let length = |field: &str| object.get(field).and_then(Value::as_str).map(str::len);
            assert!(length("room").is_none_or(|length| (1..=64).contains(&length)));
            assert!(length("reason").is_none_or(|length| length <= 100));
            for user in ["user", "to"] {
                assert!(length(user).is_none_or(|length| (1..=128).contains(&length)));
            }
        }
    }
    if let Some(id) = &request.id {
        assert_eq!(object["id"].as_str(), Some(id.as_str()));
        assert!((1..=64).contains(&id.len()));
    } else if request.op.is_ok() {
        assert!(object.get("id").is_none_or(Value::is_null));
    }
});
