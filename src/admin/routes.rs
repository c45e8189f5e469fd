//! Which path does what, and who may ask for it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State, rejection::BytesRejection},
    http::header::AUTHORIZATION,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;

use super::{
    Operator,
    answer::{Done, Emptying, Failure, Issued},
    request,
};
use crate::{
    auth::Credential, drain::Drain, identity::RefusalKind, revocation::Receipt, util::unix_now,
    world::PlayerInfo,
};

const BODY_BYTES: usize = 16 * 1024;
/// For the store to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// For a server that is empty, so that the answer says so.
const EMPTY_TIMEOUT: Duration = Duration::from_millis(100);
/// For the answer to go out before the app exits.
const ANSWER_TIME: Duration = Duration::from_millis(500);

type Body = Result<Bytes, BytesRejection>;
type Peer = Extension<ConnectInfo<SocketAddr>>;

/// Everything that is served. Requests must carry [`ConnectInfo`] as an extension.
pub fn router(operator: Arc<Operator>) -> Router {
    let guarded = Router::new()
        .route("/players", get(players))
        .route("/revoke", post(revoke))
        .route("/restore", post(restore))
        .route("/kick", post(kick))
        .route("/ticket", post(ticket))
        .route("/drain", post(drain))
        .fallback(async || Failure::not_found())
        .method_not_allowed_fallback(async || Failure::method_not_allowed())
        .layer(from_fn_with_state(operator.clone(), require_token));
    let metrics = get(async || Failure::not_built("metrics"))
        .layer(from_fn_with_state(operator.clone(), require_token));
    Router::new()
        .route("/healthz", get(async || Json(Healthy { ok: true })))
        .route("/readyz", get(ready))
        .route("/metrics", metrics)
        .nest("/v1", guarded)
        .fallback(async || Failure::not_found())
        .method_not_allowed_fallback(async || Failure::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(operator)
}

async fn require_token(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    request: Request,
    next: Next,
) -> Response {
    if bearer(&request).is_some_and(|given| given.matches(operator.token.expose())) {
        return next.run(request).await;
    }
    tracing::warn!(target: "bevy_bouncer::admin", %peer, "admin request without the token");
    Failure::unauthorized().into_response()
}

/// The one bearer token of a request. Two `Authorization` fields are none.
fn bearer(request: &Request) -> Option<Credential> {
    let mut fields = request.headers().get_all(AUTHORIZATION).iter();
    let (field, None) = (fields.next()?, fields.next()) else {
        return None;
    };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Credential::new(token))
}

#[derive(Serialize)]
struct Healthy {
    ok: bool,
}

async fn ready(State(operator): State<Arc<Operator>>) -> Result<Json<Healthy>, Failure> {
    if operator.bouncer.is_ready() {
        Ok(Json(Healthy { ok: true }))
    } else if operator.bouncer.draining().is_some() {
        Err(Failure::refused(&RefusalKind::Draining.into()))
    } else {
        Err(Failure::not_ready())
    }
}

#[derive(Serialize)]
struct Players {
    players: Vec<Player>,
}

#[derive(Serialize)]
struct Player {
    session: u64,
    user: String,
    name: String,
    roles: Vec<String>,
    peer: SocketAddr,
    connected: bool,
}

impl From<PlayerInfo> for Player {
    fn from(info: PlayerInfo) -> Self {
        Self {
            session: info.connection.as_u64(),
            user: info.user.id().as_str().to_owned(),
            name: info.user.name().to_owned(),
            roles: info.user.roles().to_vec(),
            peer: info.peer,
            connected: info.is_connected,
        }
    }
}

async fn players(State(operator): State<Arc<Operator>>) -> Json<Players> {
    let players = operator.bouncer.players();
    Json(Players {
        players: players.into_iter().map(Player::from).collect(),
    })
}

async fn revoke(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    body: Body,
) -> Result<Json<Done>, Failure> {
    let entry = request::revocation(&read(body)?, unix_now())?;
    let receipt = operator.bouncer.revoke(entry.clone());
    tracing::info!(
        target: "bevy_bouncer::admin",
        %peer,
        subject = ?entry.subject,
        kind = ?entry.kind,
        issued_before = entry.issued_before,
        until = entry.until,
        reason = entry.reason.as_deref(),
        cut = receipt.cut(),
        "revoke"
    );
    stored(receipt).await
}

async fn restore(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    body: Body,
) -> Result<Json<Done>, Failure> {
    let subject = request::restoration(&read(body)?)?;
    tracing::info!(target: "bevy_bouncer::admin", %peer, ?subject, "restore");
    stored(operator.bouncer.restore(subject)).await
}

async fn kick(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    body: Body,
) -> Result<Json<Done>, Failure> {
    let (user, reason) = request::kick(&read(body)?)?;
    let cut = operator.bouncer.kick(&user, reason.as_deref());
    tracing::info!(target: "bevy_bouncer::admin", %peer, ?user, reason, cut, "kick");
    Ok(Done::cut(cut))
}

async fn drain(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    body: Body,
) -> Result<Emptying, Failure> {
    let (deadline, exit) = request::drain(&read(body)?)?;
    tracing::info!(target: "bevy_bouncer::admin", %peer, ?deadline, exit, "drain");
    let bouncer = &operator.bouncer;
    let mut drain = operator.drain.clone();
    drain.deadline = deadline.unwrap_or(match bouncer.draining() {
        // Only to hear how far it has come.
        Some(_) => Drain::LONGEST,
        None => drain.deadline,
    });
    drain.exit = false;
    let draining = bouncer.drain(drain);
    if exit {
        let bouncer = bouncer.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ANSWER_TIME).await;
            bouncer.drain(Drain::within(Drain::LONGEST).then_exit());
        });
    }
    // How it went is what the answer says.
    let _ = tokio::time::timeout(EMPTY_TIMEOUT, draining.clone().into_future()).await;
    let exits = exit || draining.exits();
    Ok(Emptying::new(&draining, exits, bouncer.occupied()))
}

async fn ticket(
    State(operator): State<Arc<Operator>>,
    Extension(ConnectInfo(peer)): Peer,
    body: Body,
) -> Result<Issued, Failure> {
    let token = request::exchange(&read(body)?)?;
    match operator.bouncer.issue_ticket(&token).await {
        Ok(ticket) => {
            tracing::info!(target: "bevy_bouncer::admin", %peer, user = %ticket.user(), "ticket");
            Ok(ticket.into())
        }
        Err(refusal) => {
            tracing::info!(target: "bevy_bouncer::admin", %peer, %refusal, "no ticket");
            Err(Failure::refused(&refusal))
        }
    }
}

fn read(body: Body) -> Result<Bytes, Failure> {
    body.map_err(|rejection| match rejection.status().as_u16() {
        413 => Failure::too_large(),
        _ => Failure::bad_request("the body cannot be read"),
    })
}

/// Answers only once the decision is durable. Dropping the receipt does not take it back.
async fn stored(receipt: Receipt) -> Result<Json<Done>, Failure> {
    let (cut, is_in_force) = (receipt.cut(), receipt.is_in_force());
    let cause = match tokio::time::timeout(STORE_TIMEOUT, receipt).await {
        Ok(Ok(())) => return Ok(Done::cut(cut)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the store did not answer in time".to_owned(),
    };
    if !is_in_force {
        tracing::error!(target: "bevy_bouncer::admin", cause, cut, "not carried out");
        return Err(Failure::not_carried_out(cause, cut));
    }
    tracing::warn!(target: "bevy_bouncer::admin", cause, cut, "in force, but not stored yet");
    Err(Failure::store_unavailable(cause, cut))
}
