//! What the log-in service answers when something is wrong: the same shape as the door's refusals.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use bevy_bouncer::{IssueError, Refusal, RefusalKind, StoreError};
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::error;

use crate::{accounts::AccountError, passwords::PasswordError};

/// An HTTP status with a word for programs and a sentence for people.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem that the client reads about.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// 400: the client broke this rule.
    pub fn invalid(rule: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", rule)
    }

    /// 401: the log-in does not count any more.
    pub fn logged_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Your log-in is over. Please log in again.",
        )
    }

    /// 403: known, but not allowed.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// With the time for which it lasts, when that is known.
    pub fn until(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// 429: come back later.
    pub fn too_many_attempts(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        Self {
            retry_after: Some(wait),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                format!("Too many attempts. Please try again in {seconds} s."),
            )
        }
    }

    /// 503: the server failed. The cause is for its log only.
    fn unavailable(cause: impl std::error::Error) -> Self {
        error!("{cause}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The server cannot do this right now. Please try again.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.code, "message": self.message });
        if let Some(wait) = self.retry_after {
            body["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        let mut response = (self.status, Json(body)).into_response();
        // The header asks a program to come back; the end of a ban is for its player.
        let comes_back = self.status != StatusCode::FORBIDDEN;
        if let Some(wait) = self.retry_after.filter(|_| comes_back) {
            let seconds = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NameTaken => Self::new(
                StatusCode::CONFLICT,
                "name_taken",
                "This name is taken, or looks like one that is. Please choose another one.",
            ),
            AccountError::Full => {
                let words = "There is no room for another account.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", words)
            }
            _ => Self::unavailable(error),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        Self::unavailable(error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        Self::unavailable(error)
    }
}

/// A token that was not accepted.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind() {
            RefusalKind::Unauthorized => Self::logged_out(),
            _ => Self::unavailable(refusal),
        }
    }
}

/// A JSON request body. What cannot be read is answered as a [`Problem`].
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(Problem::new(
                rejection.status(),
                "bad_request",
                rejection.body_text(),
            )),
        }
    }
}
