//! Revocations in a file.

/// Stub.
pub struct SqliteRevocations;
