//! Who are you? From a request to an [`Admission`] or a [`Refusal`](crate::Refusal).

use std::{future::Future, pin::Pin};

use crate::{Admission, Refusal, door::HandshakeRequest};

mod directory;
mod issuer;
mod jwks;
mod jwt;
mod key_source;
mod keys;
#[cfg(feature = "jwks-url")]
mod remote_keys;
mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;
mod strict_json;

pub use directory::{Claims, DirectoryError, MapDirectory, Standing, UserDirectory};
pub use issuer::{IssueError, TokenIssuer};
/// The algorithms of RFC 7518 §3 and RFC 8037 that tokens can be signed with.
pub use jsonwebtoken::Algorithm;
pub use jwt::JwtAuthenticator;
pub use keys::{KeyError, KeySet};
#[cfg(feature = "jwks-url")]
pub use remote_keys::{RemoteKeyOptions, RemoteKeys};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteDirectory;

/// Decides who comes in. [`JwtAuthenticator`](crate::JwtAuthenticator) is the ready-made one.
///
/// Runs on the network's threads, never on the game's; it may wait for a database. The door gives it
/// [`Limits::lookup_timeout`](crate::Limits::lookup_timeout) and answers 503 when that is over.
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

    fn start(&self);
}

impl<A: Authenticator> ErasedAuthenticator for A {
    fn authenticate<'a>(
        &'a self,
        request: &'a HandshakeRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>> {
        Box::pin(Authenticator::authenticate(self, request))
    }

    fn start(&self) {
        Authenticator::start(self);
    }
}
