//! What the operator reads: JSON, whatever happened.

use std::{borrow::Cow, time::Instant};

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{auth::Ticket, drain::Draining, identity::Refusal};

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

/// How far a drain has come.
#[derive(Serialize)]
pub struct Emptying {
    ok: bool,
    finished: bool,
    deadline_in_ms: u64,
    exit: bool,
    connected: usize,
    told: usize,
    in_order: usize,
    aborted: usize,
}

impl Emptying {
    pub fn new(draining: &Draining, exit: bool, connected: usize) -> Self {
        let left = draining
            .deadline()
            .saturating_duration_since(Instant::now());
        let report = draining.report();
        Self {
            ok: true,
            finished: draining.is_finished(),
            deadline_in_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            exit,
            connected,
            told: report.told,
            in_order: report.in_order,
            aborted: report.aborted,
        }
    }
}

impl IntoResponse for Emptying {
    fn into_response(self) -> Response {
        let status = if self.finished {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        };
        (status, Json(self)).into_response()
    }
}

/// A ticket, for one reader.
#[derive(Serialize)]
pub struct Issued {
    ticket: String,
    expires_in_seconds: u64,
}

impl From<Ticket> for Issued {
    fn from(ticket: Ticket) -> Self {
        Self {
            ticket: ticket.expose().to_owned(),
            expires_in_seconds: ticket.expires_in().as_secs(),
        }
    }
}

impl IntoResponse for Issued {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, "no-store")], Json(self)).into_response()
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
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            message: message.into(),
            cut: None,
            retry_after_ms: None,
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

    /// Too much waits to be stored, or the list of the barred is full: nothing has changed, but for the sessions that
    /// were cut.
    pub fn not_carried_out(cause: impl Into<Cow<'static, str>>, cut: usize) -> Self {
        Self {
            cut: Some(cut),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_carried_out", cause)
        }
    }

    /// What the door would say to a player.
    pub fn refused(refusal: &Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.kind().status());
        let delay = refusal.retry_delay().map(|delay| delay.as_millis());
        Self {
            retry_after_ms: delay.map(|delay| u64::try_from(delay).unwrap_or(u64::MAX)),
            ..Self::new(
                // Every kind has a status that exists.
                status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
                refusal.kind().code(),
                refusal.message().to_owned(),
            )
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
        let (status, retry_after) = (self.status, self.retry_after_ms);
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        if let Some(delay) = retry_after {
            let seconds = HeaderValue::from(delay.div_ceil(1000));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}
