//! Who may be in the lobby. The log-in service asks the door, so that there is one answer: it gives no token that the
//! door would not take, and none for a token that the door would not take any more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bevy_bouncer::{
    Bouncer, Credential, Refusal, RefusalKind, Revocation, RevocationKind, Standing, StoreError,
    Subject, User, UserId,
};
use tokio::time::sleep;

use crate::{accounts::Accounts, answer::Problem, tokens::Tokens};

/// The longest time until the next second begins, with some room for coarse clocks.
const NEXT_SECOND: Duration = Duration::from_millis(1050);

/// Asks the door.
pub struct Gate {
    bouncer: Bouncer,
    tokens: Tokens,
}

/// A user who may come in, with a new token.
pub struct Session {
    pub user: User,
    pub token: String,
}

impl Gate {
    /// In front of this door.
    pub fn new(bouncer: Bouncer, tokens: Tokens) -> Self {
        Self { bouncer, tokens }
    }

    /// How long a token is valid.
    pub fn lifetime(&self) -> Duration {
        self.tokens.lifetime
    }

    /// A token for a user who has proved who it is.
    pub async fn let_in(&self, accounts: &Accounts, id: &UserId) -> Result<Session, Problem> {
        let session = self.try_token(id).await?;
        let refusal = match session {
            Ok(session) => return Ok(session),
            Err(refusal) => refusal,
        };
        if refusal.kind() != RefusalKind::Unauthorized || self.is_locked(id) {
            return Err(self.explain(accounts, id, refusal).await);
        }
        // Logged out everywhere in this very second: tokens of the next one count.
        sleep(NEXT_SECOND).await;
        match self.try_token(id).await? {
            Ok(session) => Ok(session),
            Err(refusal) => Err(self.explain(accounts, id, refusal).await),
        }
    }

    async fn try_token(&self, id: &UserId) -> Result<Result<Session, Refusal>, Problem> {
        let token = self.tokens.issue(id)?;
        let checked = self.bouncer.check_token(&Credential::new(&token)).await;
        Ok(checked.map(|user| Session { user, token }))
    }

    /// Whose token this is, whether it still counts or not.
    pub async fn whose(&self, token: &str) -> Result<UserId, Problem> {
        Ok(self.tokens.verify(token).await?)
    }

    /// A new token for one that the door would take. It is made first: a revocation that comes in between bars either
    /// the old one or both.
    pub async fn renew(
        &self,
        accounts: &Accounts,
        id: &UserId,
        old: &str,
    ) -> Result<Session, Problem> {
        let token = self.tokens.issue(id)?;
        let user = self.check(accounts, id, old).await?;
        Ok(Session { user, token })
    }

    /// The user of a token that the door would take.
    pub async fn check(
        &self,
        accounts: &Accounts,
        id: &UserId,
        token: &str,
    ) -> Result<User, Problem> {
        match self.bouncer.check_token(&Credential::new(token)).await {
            Ok(user) => Ok(user),
            Err(refusal) => Err(self.explain(accounts, id, refusal).await),
        }
    }

    /// Ends all sessions of this user, and bars all tokens that there are. A new log-in works.
    pub async fn log_out_everywhere(&self, id: &UserId) -> Result<(), StoreError> {
        let entry = Revocation::user(id.clone()).issued_before(unix_now());
        let words = "you logged out everywhere";
        self.bouncer.revoke(entry.reason(words)).await
    }

    fn is_locked(&self, id: &UserId) -> bool {
        self.lock_of(Subject::User(id.clone())).is_some()
            || self.lock_of(Subject::Everyone).is_some()
    }

    /// What bars all tokens, also those that are still to be issued.
    fn lock_of(&self, subject: Subject) -> Option<Revocation> {
        let mut entries = self.bouncer.revocations_of(&subject).into_iter();
        entries.find(|entry| entry.kind == RevocationKind::Revoke && entry.issued_before.is_none())
    }

    /// What a user reads whom the door does not let in. Only one who has proved who it is asks.
    async fn explain(&self, accounts: &Accounts, id: &UserId, refusal: Refusal) -> Problem {
        match accounts.standing(id).await {
            Ok(Standing::Barred) => {
                return Problem::forbidden("disabled", "This account is disabled.");
            }
            Ok(Standing::Missing) => return Problem::logged_out(),
            Ok(_) => {}
            Err(error) => return error.into(),
        }
        match refusal.kind() {
            RefusalKind::Banned => banned(&refusal),
            RefusalKind::Unauthorized => {
                if let Some(lock) = self.lock_of(Subject::User(id.clone())) {
                    let what = "A moderator locked your account";
                    return Problem::forbidden("locked", sentence(what, lock.reason.as_deref()));
                }
                if let Some(lock) = self.lock_of(Subject::Everyone) {
                    let what = "The lobby is closed";
                    return Problem::forbidden("locked", sentence(what, lock.reason.as_deref()));
                }
                Problem::logged_out()
            }
            _ => refusal.into(),
        }
    }
}

fn banned(refusal: &Refusal) -> Problem {
    let words = Some(refusal.message()).filter(|words| *words != RefusalKind::Banned.message());
    let problem = Problem::forbidden("banned", sentence("You are banned from the lobby", words));
    problem.until(refusal.retry_delay())
}

fn sentence(what: &str, words: Option<&str>) -> String {
    match words {
        Some(words) => format!("{what}: {words}"),
        None => format!("{what}."),
    }
}

/// Now, in unix seconds.
fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
