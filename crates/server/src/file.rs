//! Files that the configuration names.

use std::{fmt::Display, fs, path::Path};

use crate::problem::Problem;

/// No configuration, key or key set is longer than this, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Reads the text file that this field names.
pub fn read(field: &str, file: &Path) -> Result<String, Problem> {
    let unreadable =
        |reason: &dyn Display| Problem::config(field, format!("{}: {reason}", file.display()));
    let about = fs::metadata(file).map_err(|error| unreadable(&error))?;
    if about.len() > MAX_BYTES {
        return Err(unreadable(&"is longer than 256 KiB"));
    }
    fs::read_to_string(file).map_err(|error| unreadable(&error))
}
