//! What moderators ask for.

use serde_json::{Value, json};

/// Every request about a user.
pub const OPS: [&str; 7] = [
    "mod.mute",
    "mod.unmute",
    "mod.kick",
    "mod.ban",
    "mod.logout",
    "mod.revoke",
    "mod.restore",
];

/// Such a request.
pub fn about(op: &str, target: &str) -> Value {
    json!({"op": op, "user": target})
}
