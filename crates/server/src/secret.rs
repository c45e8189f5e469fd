//! Secrets come from the environment, never from the file.

use std::env;

use crate::problem::Problem;

/// The bytes of a variable that this field names.
pub fn bytes(field: &str, variable: &str) -> Result<Vec<u8>, Problem> {
    match env::var_os(variable) {
        Some(value) => Ok(value.into_encoded_bytes()),
        None => Err(Problem::config(
            field,
            format!("the environment variable {variable} is not set"),
        )),
    }
}

/// The text of a variable that this field names.
pub fn text(field: &str, variable: &str) -> Result<String, Problem> {
    String::from_utf8(bytes(field, variable)?).map_err(|_| {
        Problem::config(
            field,
            format!("the environment variable {variable} is not UTF-8"),
        )
    })
}
