//! The log-in service: accounts, tokens, and who is kept out.
//!
//! Every request that acts for a user carries that user's token, so no cookie is needed and no
//! other web page can act in a player's name.
//!
//! - `POST /api/signup`, `POST /api/login` with `{"name", "password"}`, and `POST /api/token` with a token: a session.
//! - `POST /api/logout-everywhere`: ends all sessions of the user. A new log-in works; *locking* an account is
//!   `mod.revoke` of the chat.
//! - `GET /api/revoked`, for moderators: who is banned or locked out.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use bevy_bouncer::{Standing, User, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use crate::{
    accounts::{Accounts, MODERATOR},
    answer::{Body, Problem},
    credentials::CredentialRules,
    gate::{Gate, Session},
    passwords::Passwords,
    removals::Removals,
    throttle::Throttle,
};

type Answer = Result<Json<Value>, Problem>;

/// What the log-in service works with.
pub struct Service {
    accounts: Accounts,
    rules: CredentialRules,
    passwords: Passwords,
    gate: Gate,
    removals: Removals,
    throttle: Throttle,
    /// Where the page connects to.
    ws_url: String,
}

impl Service {
    /// A service for these accounts, whose players connect to this URL.
    pub fn new(
        accounts: Accounts,
        passwords: Passwords,
        gate: Gate,
        removals: Removals,
        ws_url: String,
    ) -> Self {
        Self {
            accounts,
            rules: CredentialRules::new(),
            passwords,
            gate,
            removals,
            throttle: Throttle::new(),
            ws_url,
        }
    }

    /// The routes under `/api`.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/api/signup", post(sign_up))
            .route("/api/login", post(log_in))
            .route("/api/token", post(renew))
            .route("/api/logout-everywhere", post(log_out_everywhere))
            .route("/api/revoked", get(revoked))
            .with_state(Arc::new(self))
    }

    /// What the page keeps for as long as a user is logged in.
    fn answer(&self, session: Session) -> Json<Value> {
        Json(json!({
            "token": session.token,
            "expires_in": self.gate.lifetime().as_secs(),
            "user": user_json(&session.user),
            "ws_url": self.ws_url,
        }))
    }

    /// The token of a request, and whose it is. It may be barred.
    async fn bearer<'a>(
        &self,
        address: SocketAddr,
        headers: &'a HeaderMap,
    ) -> Result<(UserId, &'a str), Problem> {
        self.throttle.token(address.ip())?;
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(Problem::logged_out)?;
        let id = self.gate.whose(token).await?;
        self.throttle.user(&id)?;
        Ok((id, token))
    }

    /// The user whose token the request carries, if the door would let them in with it.
    async fn user(&self, address: SocketAddr, headers: &HeaderMap) -> Result<User, Problem> {
        let (id, token) = self.bearer(address, headers).await?;
        self.gate.check(&self.accounts, &id, token).await
    }
}

/// A user as the page knows one.
fn user_json(user: &User) -> Value {
    json!({ "id": user.id(), "name": user.name(), "roles": user.roles() })
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

async fn sign_up(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(new): Body<Credentials>,
) -> Answer {
    service.throttle.attempt(address.ip())?;
    let rules = &service.rules;
    rules.check_name(&new.name).map_err(Problem::invalid)?;
    rules
        .check_password(&new.password, &new.name)
        .map_err(Problem::invalid)?;
    let hash = service.passwords.hash(new.password).await?;
    let user = service.accounts.create(&new.name, &hash, &[]).await?;
    info!("{} signed up", user.id());
    let session = service.gate.let_in(&service.accounts, user.id()).await?;
    Ok(service.answer(session))
}

async fn log_in(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(given): Body<Credentials>,
) -> Answer {
    service.throttle.attempt(address.ip())?;
    // Nobody has a longer one, and hashing it would only cost time.
    if !service.rules.may_be_password(&given.password) {
        return Err(wrong_credentials());
    }
    let login = service.accounts.find_by_name(&given.name).await?;
    let hash = login.as_ref().map(|login| login.password_hash.clone());
    let same = service.passwords.matches(given.password, hash).await?;
    let login = login.filter(|_| same).ok_or_else(wrong_credentials)?;
    let session = service.gate.let_in(&service.accounts, &login.user).await?;
    Ok(service.answer(session))
}

/// The same for an unknown name and for a wrong password.
fn wrong_credentials() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "wrong_credentials",
        "The name or the password is wrong.",
    )
}

/// A new token for a user who has one that the door would take.
async fn renew(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    let (id, token) = service.bearer(address, &headers).await?;
    let session = service.gate.renew(&service.accounts, &id, token).await?;
    Ok(service.answer(session))
}

/// Ends all sessions of the user, this one included.
async fn log_out_everywhere(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    let user = service.user(address, &headers).await?;
    service.gate.log_out_everywhere(user.id()).await?;
    info!("{} logged out everywhere", user.id());
    Ok(Json(json!({})))
}

/// Everybody who is banned or locked out, with the words. Who was logged out everywhere is not: a new log-in works.
async fn revoked(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    let user = service.user(address, &headers).await?;
    if !user.has_role(MODERATOR) && !user.has_role("admin") {
        let words = "Only a moderator may do this.";
        return Err(Problem::forbidden("forbidden", words));
    }
    let mut users = Vec::new();
    for removal in service.removals.all().await? {
        let name = match service.accounts.standing(&removal.user).await? {
            Standing::Active { user, .. } | Standing::Versioned { user, .. } => {
                user.name().to_owned()
            }
            Standing::Missing | Standing::Barred => removal.user.to_string(),
        };
        users.push(json!({
            "id": removal.user, "name": name, "reason": removal.reason,
            "ban": removal.is_ban, "left_ms": removal.left_ms(),
        }));
    }
    Ok(Json(json!({ "users": users })))
}
