//! The recheck: every player is checked again, now and then, for what changed outside of this process: a
//! user who was disabled or deleted or has other roles, a key that was withdrawn.
//!
//! Each session has its own time, so that those who came together are not looked up together. A check
//! that fails by itself (a database that does not answer) ends no session.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use super::{AUDIT, Server};
use crate::{
    connection::{Fence, Followed, Handle},
    identity::{Admission, ConnectionId, Refusal, RefusalKind},
    util::{jitter, microseconds},
};

/// Sessions that are looked at in one go.
const STRIDE: usize = 64;
/// How much of the interval passes until a check that failed by itself is made again.
const RETRY_PARTS: u32 = 10;

/// Walks around until the app is about to end.
pub(crate) async fn run(server: Arc<Server>) {
    if server.config.limits.recheck_interval.is_zero() {
        return;
    }
    let mut stopping = server.stopping.subscribe();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = walk(&server) => {}
    }
}

async fn walk(server: &Arc<Server>) {
    let limits = &server.config.limits;
    let interval = limits.recheck_interval;
    let pause = (interval / 100).clamp(Duration::from_millis(5), Duration::from_secs(1));
    let mut checks = JoinSet::new();
    let mut failed = Failures::default();
    loop {
        sleep(pause).await;
        let mut last = ConnectionId::from_u64(0);
        loop {
            let found = server.registry.after(last, STRIDE);
            let Some(furthest) = found.last() else {
                break;
            };
            last = furthest.id;
            for handle in found {
                if !is_due(&handle, interval) {
                    continue;
                }
                if checks.len() >= limits.rechecks_at_once {
                    failed.count(checks.join_next().await);
                }
                checks.spawn(check(server.clone(), handle, interval));
            }
            tokio::task::yield_now().await;
        }
        while let Some(done) = checks.try_join_next() {
            failed.count(Some(done));
        }
        failed.report();
    }
}

/// Checks one player. An error is a check that could not be made.
async fn check(
    server: Arc<Server>,
    handle: Arc<Handle>,
    interval: Duration,
) -> Result<(), Refusal> {
    let (look, token) = (handle.look(), handle.token());
    let mut admission = Admission::new(handle.user());
    (admission.token, admission.owned) = (token.clone(), handle.owned());
    let refusal = match server.auth.readmit(admission).await {
        Ok(mut found) if found.user.id() == handle.user_id() => {
            found.token = token;
            if server.registry.follow(&handle, look, found) == Followed::Overtaken {
                plan(&handle, interval / RETRY_PARTS);
            }
            return Ok(());
        }
        Ok(_) => Refusal::unavailable("the authenticator found another user"),
        Err(refusal) => refusal,
    };
    if refusal.kind() == RefusalKind::Unavailable {
        plan(&handle, interval / RETRY_PARTS);
        return Err(refusal);
    }
    if handle.token() != token {
        // The session has another token since: that one is looked at soon.
        plan(&handle, interval / RETRY_PARTS);
        return Ok(());
    }
    let close_reason = refusal.close_reason();
    tracing::info!(
        target: AUDIT,
        user = %handle.user_id(), connection = %handle.id, reason = %close_reason.reason,
        cause = refusal.cause(), "a player does not pass the check any more"
    );
    server.registry.leave(&handle, close_reason, Fence::Now);
    Ok(())
}

/// Whether the session's time has come; then it gets another one. A new session gets its first.
fn is_due(handle: &Handle, interval: Duration) -> bool {
    let at = handle.recheck_at.load(Ordering::Relaxed);
    let due = at != 0 && at <= microseconds();
    if at == 0 || due {
        plan(handle, interval);
    }
    due && handle.is_live()
}

/// Plans the next check in this time, give or take a fifth.
fn plan(handle: &Handle, wait: Duration) {
    let wait = jitter(wait * 4 / 5..=wait * 6 / 5);
    let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let at = microseconds().saturating_add(wait).max(1);
    handle.recheck_at.store(at, Ordering::Relaxed);
}

/// Checks that could not be made: one line in the log for each walk.
#[derive(Default)]
struct Failures {
    count: usize,
    last: Option<String>,
}

impl Failures {
    fn count(&mut self, check: Option<Result<Result<(), Refusal>, tokio::task::JoinError>>) {
        let error = match check {
            None | Some(Ok(Ok(()))) => return,
            Some(Ok(Err(refusal))) => refusal.to_string(),
            Some(Err(panicked)) => panicked.to_string(),
        };
        self.count += 1;
        self.last = Some(error);
    }

    fn report(&mut self) {
        if let Some(error) = self.last.take() {
            tracing::warn!(players = self.count, %error, "players could not be checked again");
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::identity::{OwnedComponents, TokenFacts, User};

    #[test]
    fn p16_what_was_found_with_an_older_token_does_not_count() {
        let ann = |name: &str| User::new("ann", name).unwrap();
        let token = |id: &str| TokenFacts {
            id: Some(id.into()),
            ..TokenFacts::default()
        };
        let id = ConnectionId::from_u64(1);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let handle = Handle::new(id, ann("Ann"), token("one"), peer, None);
        let follow = |look, with: &str, name: &str| {
            handle.follow(look, &token(with), ann(name), OwnedComponents::default())
        };
        let (refresh, recheck) = (handle.look(), handle.look());
        handle.renew(token("two"));
        // The recheck has asked about the claims of the token before.
        assert_eq!(follow(recheck, "one", "Old"), Followed::Overtaken);
        assert_eq!(follow(refresh, "two", "New"), Followed::News);
        assert_eq!(handle.take_news().unwrap().0.name(), "New");
        assert_eq!(handle.take_news(), None);
        assert_eq!(follow(handle.look(), "two", "New"), Followed::Unchanged);
    }
}
