//! What the operator reads: JSON, whatever happened.

use std::borrow::Cow;

use axum::{
    Json,
    http::{StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// It is done: fenced, stored, and this many sessions ended.
#[derive(Serialize)]
pub struct Done {
    ok: bool,
    cut: usize,
}

impl Done {
    pub fn cut(cut: usize) -> Json<Self> {
        Json(Self { ok: true, cut })
    }
}

/// It could not be done, or not all of it.
#[derive(Debug, Serialize)]
pub struct Failure {
    #[serde(skip)]
    status: StatusCode,
    error: &'static str,
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<usize>,
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            message: message.into(),
            cut: None,
        }
    }

    /// The body breaks this rule.
    pub fn bad_request(rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", rule)
    }

    /// One answer for a missing and a wrong token.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the operator's token is required",
        )
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path does not know the method",
        )
    }

    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the body is larger than 16 KiB",
        )
    }

    pub fn not_ready() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "players cannot come in now",
        )
    }

    /// Decided and in force, but not stored yet.
    pub fn store_unavailable(cause: impl Into<Cow<'static, str>>, cut: usize) -> Self {
        Self {
            cut: Some(cut),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", cause)
        }
    }

    pub fn not_built(what: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_built",
            format!("{what} is not built yet"),
        )
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
