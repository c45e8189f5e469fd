//! Who are you? From a request to an [`Admission`] or a [`Refusal`].

mod directory;
mod issuer;
mod jwks;
mod jwt;
mod key_source;
mod keys;
mod limiter;
mod refused_tokens;
#[cfg(feature = "jwks-url")]
mod remote_keys;
mod request;
#[cfg(feature = "sqlite")]
mod sqlite;
mod strict_json;
mod ticket;
mod token_rules;

pub use directory::{Claims, DirectoryError, Known, MapDirectory, Standing, UserDirectory};
pub use issuer::{IssueError, TokenIssuer};
pub use jwt::JwtAuthenticator;
pub use keys::{KeyError, KeySet};
pub(crate) use limiter::AuthLimiter;
#[cfg(feature = "jwks-url")]
pub use remote_keys::RemoteKeyOptions;
#[cfg(feature = "jwks-url")]
pub use remote_keys::RemoteKeys;
pub use request::{Credential, HandshakeRequest};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteDirectory;
pub use ticket::Ticket;
pub(crate) use ticket::{TicketUse, Tickets, hash_of, in_time};

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    config::{ConfigError, Limits},
    identity::{Admission, Refusal, UserId},
};

/// The algorithms of RFC 7518 §3 and RFC 8037 that tokens can be signed with.
pub use jsonwebtoken::Algorithm;

/// Decides who comes in. [`JwtAuthenticator`] is the ready-made one.
///
/// Runs on the network's threads, never on the game's; it may wait for a database. The door gives it
/// [`Limits::lookup_timeout`] and answers 503 when that is over, and has no more than
/// [`Limits::lookups_at_once`] checks under way.
///
/// ```
/// use bevy_bouncer::{Admission, Authenticator, HandshakeRequest, Refusal, User};
///
/// struct Guests;
///
/// impl Authenticator for Guests {
///     async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
///         if !request.credential().is_some_and(|token| token.matches("letmein")) {
///             return Err(Refusal::unauthorized("not the guests' password"));
///         }
///         let user = User::new("guest", "Guest").map_err(|error| Refusal::unavailable(error.to_string()))?;
///         Ok(Admission::new(user))
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Checks one request.
    ///
    /// # Errors
    /// The refusal that the client gets. A failure of the check itself is
    /// [`Refusal::unavailable`], never an admission.
    fn authenticate(
        &self,
        request: &HandshakeRequest,
    ) -> impl Future<Output = Result<Admission, Refusal>> + Send;

    /// Checks once more a user whom it admitted: when a ticket is used, and every
    /// [`Limits::recheck_interval`] while a session lasts. Nobody needs to look for revocations: the
    /// door does. By default nothing has changed; [`JwtAuthenticator`] looks the user up again.
    ///
    /// The admission has the user, what is known about the token and what was given by
    /// [`with_owned`](Admission::with_owned), but no other components. A session has the user and the owned
    /// components of the answer from then on: see [`UserChanged`](crate::UserChanged). It has to be the same user id.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate). A live session ends as
    /// [`Refusal::disconnect_with`] says; a failure of the check itself
    /// ([`Refusal::unavailable`]) does not end it, it is checked again soon.
    fn readmit(
        &self,
        admission: Admission,
    ) -> impl Future<Output = Result<Admission, Refusal>> + Send {
        async { Ok(admission) }
    }

    /// Who this is, for somebody who need not be connected: see [`UserDirectory::look_up`]. By default that is
    /// not known; an authenticator that asks another one passes it on.
    ///
    /// # Errors
    /// [`DirectoryError`] when it could not be found out.
    fn look_up(&self, user: &UserId) -> impl Future<Output = Result<Known, DirectoryError>> + Send {
        let _ = user;
        async { Ok(Known::Unknown) }
    }

    /// Looked at once, when the plugin is made: what this says keeps the door closed. By default nothing. An
    /// authenticator that asks another one passes it on.
    ///
    /// # Errors
    /// [`ConfigError`] names what is missing or contradicts itself.
    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// How long from now on every token that exists now has ended, when that is known. A revocation that is
    /// about tokens (by `jti`, or *issued before*) is forgotten after that; by default never.
    fn tokens_end_within(&self) -> Option<Duration> {
        None
    }

    /// Told once, before the door opens, within which limits to work. By default it does not matter.
    fn configure(&mut self, limits: &Limits) {
        let _ = limits;
    }

    /// Called once, when the door opens and before it lets anybody in, on the network's runtime: here
    /// begins work that goes on beside the checks, such as fetching keys. Does nothing by default. An
    /// authenticator that asks another one passes it on.
    fn start(&self) {}
}

/// [`Authenticator`] as a trait object.
pub(crate) trait ErasedAuthenticator: Send + Sync {
    fn authenticate<'a>(
        &'a self,
        request: &'a HandshakeRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>>;

    fn readmit<'a>(
        &'a self,
        admission: Admission,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>>;

    fn look_up<'a>(
        &'a self,
        user: &'a UserId,
    ) -> Pin<Box<dyn Future<Output = Result<Known, DirectoryError>> + Send + 'a>>;

    fn start(&self);
}

impl<A: Authenticator> ErasedAuthenticator for A {
    fn authenticate<'a>(
        &'a self,
        request: &'a HandshakeRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>> {
        Box::pin(Authenticator::authenticate(self, request))
    }

    fn readmit<'a>(
        &'a self,
        admission: Admission,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>> {
        Box::pin(Authenticator::readmit(self, admission))
    }

    fn look_up<'a>(
        &'a self,
        user: &'a UserId,
    ) -> Pin<Box<dyn Future<Output = Result<Known, DirectoryError>> + Send + 'a>> {
        Box::pin(Authenticator::look_up(self, user))
    }

    fn start(&self) {
        Authenticator::start(self);
    }
}
