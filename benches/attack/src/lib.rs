//! What the attackers and their target agree on.

/// The HS256 secret of the target's tokens.
pub const SECRET: [u8; 32] = *b"a secret that everybody may know";

/// Every user whose id starts like this exists.
pub const KNOWN_USER: &str = "player-";
