//! Who are you? From a request to an [`Admission`] or a [`Refusal`](crate::Refusal).

use std::{future::Future, pin::Pin};

use crate::{Admission, Limits, Refusal, door::HandshakeRequest};

mod directory;
mod examiner;
mod issuer;
mod jwks;
mod jwt;
mod keys;
mod refused_tokens;
mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;
mod strict_json;
mod ticket;

pub use directory::{Claims, DirectoryError, MapDirectory, Standing, UserDirectory};
pub(crate) use examiner::Examiner;
pub use issuer::{IssueError, TokenIssuer};
/// The algorithms of RFC 7518 §3 and RFC 8037 that tokens can be signed with.
pub use jsonwebtoken::Algorithm;
pub use jwt::JwtAuthenticator;
pub use keys::{KeyError, KeySet};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteDirectory;
pub use ticket::Ticket;
pub(crate) use ticket::Tickets;

/// Decides who comes in. [`JwtAuthenticator`](crate::JwtAuthenticator) is the ready-made one.
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

    /// Checks once more somebody whom it admitted a moment ago, with a ticket that is used now. Nobody
    /// needs to look for revocations: the door does. By default nothing has changed;
    /// [`JwtAuthenticator`] looks the user up again.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    fn readmit(
        &self,
        admission: Admission,
    ) -> impl Future<Output = Result<Admission, Refusal>> + Send {
        async { Ok(admission) }
    }

    /// Told once, before the door opens, within which limits to work. By default it does not matter.
    fn configure(&mut self, limits: &Limits) {
        let _ = limits;
    }
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
}
