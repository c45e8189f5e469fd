use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::{AUDIENCE, SECRET};

/// The check of a token, for servers that bring none.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

impl Default for Tokens {
    fn default() -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        Self {
            key: DecodingKey::from_secret(SECRET.as_bytes()),
            validation,
        }
    }
}

impl Tokens {
    /// Whether an `Authorization` header holds a valid token.
    pub fn accept(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| decode::<Value>(token, &self.key, &self.validation).is_ok())
    }
}
