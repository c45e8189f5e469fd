//! The audit log: one line for each decision about who may be in.

/// The target of the log's lines about decisions who may be in.
pub(crate) const AUDIT: &str = "bevy_bouncer::audit";
