//! Rules that hold for values of any section.

use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// The value, which must be there.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::config(field, "is required"))
}

/// The text, which must not be empty.
pub fn not_empty(field: &str, text: String) -> Result<String, Problem> {
    if text.is_empty() {
        return Err(Problem::config(field, "must not be empty"));
    }
    Ok(text)
}

/// A path that is relative to this folder.
pub fn resolve(field: &str, folder: &Path, file: PathBuf) -> Result<PathBuf, Problem> {
    if file.as_os_str().is_empty() {
        return Err(Problem::config(field, "must not be empty"));
    }
    Ok(folder.join(file))
}
