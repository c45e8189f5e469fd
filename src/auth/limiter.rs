//! Limits the checks of the authenticator: so many at once, and none for long.

use std::time::Duration;

use tokio::{sync::Semaphore, time::timeout};

use super::request::HandshakeRequest;
use super::{Authenticator, ErasedAuthenticator, Known, directory::DirectoryError};
use crate::{
    config::Limits,
    identity::{Admission, Refusal, UserId},
};

/// An authenticator that has no more than [`Limits::lookups_at_once`] checks under way, and
/// [`Limits::lookup_timeout`] for each.
pub(crate) struct AuthLimiter {
    authenticator: Box<dyn ErasedAuthenticator>,
    checks_under_way: Semaphore,
    check_timeout: Duration,
    /// See [`Authenticator::tokens_end_within`].
    pub tokens_end_within: Option<Duration>,
}

impl AuthLimiter {
    /// Tells the authenticator its limits, and keeps it to `lookups_at_once` and `lookup_timeout`.
    pub fn new(mut authenticator: impl Authenticator, limits: &Limits) -> Self {
        authenticator.configure(limits);
        Self {
            tokens_end_within: authenticator.tokens_end_within(),
            authenticator: Box::new(authenticator),
            checks_under_way: Semaphore::new(limits.lookups_at_once),
            check_timeout: limits.lookup_timeout,
        }
    }

    /// Starts the authenticator's own work, because the door opens.
    pub fn start(&self) {
        self.authenticator.start();
    }

    /// Has one request checked. The time that it waits for its turn counts.
    ///
    /// # Errors
    /// What the authenticator says, or 503 when that takes too long.
    pub async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        self.check(self.authenticator.authenticate(request)).await
    }

    /// Has an admitted user checked again, who comes with a ticket or whose session lasts.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn readmit(&self, admission: Admission) -> Result<Admission, Refusal> {
        self.check(self.authenticator.readmit(admission)).await
    }

    /// Has somebody looked up who need not be connected.
    ///
    /// # Errors
    /// What the authenticator says, or that it took too long.
    pub async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        let known = self.in_turn(self.authenticator.look_up(user)).await;
        known.unwrap_or_else(|| Err(DirectoryError::Failed("it took too long".to_owned())))
    }

    async fn check(
        &self,
        check: impl Future<Output = Result<Admission, Refusal>>,
    ) -> Result<Admission, Refusal> {
        let checked = self.in_turn(check).await;
        checked.unwrap_or_else(|| Err(Refusal::unavailable("the authenticator took too long")))
    }

    /// `None` when it took too long.
    async fn in_turn<T>(&self, check: impl Future<Output = T>) -> Option<T> {
        let in_turn = async {
            // Only a closed semaphore is an error, and nobody closes this one.
            let _turn = self.checks_under_way.acquire().await;
            check.await
        };
        timeout(self.check_timeout, in_turn).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::identity::RefusalKind;

    /// Never answers, and tells what it was configured with.
    struct Stuck(Arc<AtomicUsize>);

    impl Authenticator for Stuck {
        async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
            std::future::pending().await
        }

        async fn look_up(&self, _: &UserId) -> Result<Known, DirectoryError> {
            std::future::pending().await
        }

        fn configure(&mut self, limits: &Limits) {
            self.0.store(limits.signatures_at_once, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn an_authenticator_is_told_its_limits_and_not_waited_for_longer() {
        let limits = Limits {
            signatures_at_once: 3,
            lookup_timeout: Duration::from_millis(50),
            ..Limits::default()
        };
        let told = Arc::new(AtomicUsize::new(0));
        let auth = AuthLimiter::new(Stuck(told.clone()), &limits);
        assert_eq!(told.load(Ordering::SeqCst), 3);
        let request = HandshakeRequest::for_test(None);
        let refusal = auth.authenticate(&request).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unavailable);
        let ann = UserId::new("ann").unwrap();
        assert!(auth.look_up(&ann).await.is_err());
    }
}
