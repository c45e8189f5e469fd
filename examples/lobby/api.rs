//! The log-in service: accounts, tokens, and who is kept out.
//!
//! Every request that acts for a user carries that user's token, so no cookie is needed and no
//! other web page can act in a player's name.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

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
    credentials::{check_name, check_password},
    passwords::Passwords,
    rate_limit::RateLimit,
    removals::Removals,
    tokens::Tokens,
};

/// Sign-ups and log-ins of one address: this many at once,
const ATTEMPTS_BURST: u32 = 10;
/// and one more in this time.
const ATTEMPTS_PERIOD: Duration = Duration::from_secs(6);
/// Addresses that are counted at the same time.
const ATTEMPTS_ADDRESSES: usize = 10_000;

type Answer = Result<Json<Value>, Problem>;

/// What the log-in service works with.
pub struct Service {
    accounts: Accounts,
    passwords: Passwords,
    tokens: Tokens,
    removals: Removals,
    attempts: Mutex<RateLimit<IpAddr>>,
    /// Where the page connects to.
    ws_url: String,
}

impl Service {
    /// A service for these accounts, whose players connect to this URL.
    pub fn new(
        accounts: Accounts,
        passwords: Passwords,
        tokens: Tokens,
        removals: Removals,
        ws_url: String,
    ) -> Self {
        let attempts = RateLimit::new(ATTEMPTS_BURST, ATTEMPTS_PERIOD, ATTEMPTS_ADDRESSES);
        Self {
            accounts,
            passwords,
            tokens,
            removals,
            attempts: Mutex::new(attempts),
            ws_url,
        }
    }

    /// The routes under `/api`.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/api/signup", post(sign_up))
            .route("/api/login", post(log_in))
            .route("/api/token", post(renew))
            .route("/api/revoked", get(revoked))
            .with_state(Arc::new(self))
    }

    /// Slows down an address that tries out names or passwords.
    fn count_attempt(&self, address: SocketAddr) -> Result<(), Problem> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts
            .try_at(address.ip(), Instant::now())
            .map_err(Problem::too_many_attempts)
    }

    /// The user, if they may be in the lobby. Everybody else learns why not.
    async fn admit(&self, id: &UserId) -> Result<User, Problem> {
        let user = match self.accounts.standing(id).await? {
            Standing::Active { user, .. } | Standing::Versioned { user, .. } => user,
            Standing::Missing => return Err(Problem::logged_out()),
            Standing::Barred => {
                let words = "This account is disabled.";
                return Err(Problem::forbidden("disabled", words));
            }
        };
        match self.removals.find(id).await? {
            Some(removal) if removal.is_ban => Err(Problem::forbidden("banned", removal.words())),
            Some(removal) => Err(Problem::forbidden("revoked", removal.words())),
            None => Ok(user),
        }
    }

    /// What the page keeps for as long as a user is logged in.
    fn session(&self, user: &User) -> Answer {
        Ok(Json(json!({
            "token": self.tokens.issue(user.id())?,
            "expires_in": self.tokens.lifetime.as_secs(),
            "user": user_json(user),
            "ws_url": self.ws_url,
        })))
    }

    /// The user whose token the request carries, as they are now.
    async fn bearer(&self, headers: &HeaderMap) -> Result<User, Problem> {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(Problem::logged_out)?;
        let id = self.tokens.verify(token).await?;
        self.admit(&id).await
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
    service.count_attempt(address)?;
    check_name(&new.name).map_err(Problem::invalid)?;
    check_password(&new.password).map_err(Problem::invalid)?;
    let hash = service.passwords.hash(new.password).await?;
    let user = service.accounts.create(&new.name, &hash, &[]).await?;
    info!("{} signed up", user.id());
    service.session(&user)
}

async fn log_in(
    State(service): State<Arc<Service>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(given): Body<Credentials>,
) -> Answer {
    service.count_attempt(address)?;
    // Nobody has a longer one, and hashing it would only cost time.
    check_password(&given.password).map_err(|_| wrong_credentials())?;
    let login = service.accounts.find_by_name(&given.name).await?;
    let hash = login.as_ref().map(|login| login.password_hash.clone());
    let same = service.passwords.matches(given.password, hash).await?;
    let login = login.filter(|_| same).ok_or_else(wrong_credentials)?;
    let user = service.admit(&login.user).await?;
    service.session(&user)
}

/// The same for an unknown name and for a wrong password.
fn wrong_credentials() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "wrong_credentials",
        "The name or the password is wrong.",
    )
}

/// A new token for a user who has a valid one.
async fn renew(State(service): State<Arc<Service>>, headers: HeaderMap) -> Answer {
    let user = service.bearer(&headers).await?;
    service.session(&user)
}

/// Everybody who is kept out, with the words.
async fn revoked(State(service): State<Arc<Service>>, headers: HeaderMap) -> Answer {
    let user = service.bearer(&headers).await?;
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
        users.push(json!({ "id": removal.user, "name": name, "reason": removal.reason }));
    }
    Ok(Json(json!({ "users": users })))
}
