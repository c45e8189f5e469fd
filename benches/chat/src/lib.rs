//! What the server and its players share.

/// The secret of all tokens.
pub const SECRET: &[u8] = b"the secret of a benchmark, long enough for any HMAC: 0123456789abcdefg";
