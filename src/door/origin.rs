//! Which web pages may connect.
use crate::ConfigError;

/// The origins on the list.
pub(crate) struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Checks the configured list.
    pub fn new(origins: &[String]) -> Result<Self, ConfigError> {
        for origin in origins {
            if !origin.contains("://") {
                return Err(ConfigError::new(
                    "origins",
                    format!("{origin:?} is not an origin"),
                ));
            }
        }
        Ok(Self(origins.to_vec()))
    }
}
