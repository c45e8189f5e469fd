//! Randomness from the system, for keys, ids and passwords.

use std::io;

/// Random bytes.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Random hexadecimal digits, two for each byte.
pub fn hex<const BYTES: usize>() -> io::Result<String> {
    let bytes = bytes::<BYTES>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
