//! Holds a store of revocations against its contract.

use thiserror::Error;

use crate::{
    identity::{InvalidIdentity, UserId},
    revocation::{Revocation, RevocationStore, StoreError, Subject},
};

/// A time that no test reaches, and that every store can keep: the last second of the year 9999.
const FAR: u64 = 253_402_300_799;

/// What a store does that its contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreViolation {
    /// It fails.
    #[error("while it should keep {what}: {error}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// What the store said.
        error: StoreError,
    },
    /// It gives back something else than it was given.
    #[error(
        "after it was given {what} and opened again, it has\n{found:#?}\ninstead of\n{expected:#?}"
    )]
    Differs {
        /// What was tried.
        what: &'static str,
        /// What it should have.
        expected: Vec<Revocation>,
        /// What it has.
        found: Vec<Revocation>,
    },
}

/// Holds a store against the contract of [`RevocationStore`]. To be run in a Tokio runtime with `enable_all`.
///
/// `open` opens the store, and opens it again after each step, so that what is checked has outlived the store that was
/// told. It has to be empty at first.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn check() -> Result<(), Box<dyn std::error::Error>> {
/// use bevy_bouncer::{SqliteRevocations, testing::check_revocation_store};
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("revocations.db");
/// check_revocation_store(async || SqliteRevocations::connect(&file).await).await?;
/// # Ok(())
/// # }
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check()).unwrap();
/// ```
///
/// # Errors
/// The first [`StoreViolation`].
pub async fn check_revocation_store<S: RevocationStore>(
    open: impl AsyncFn() -> Result<S, StoreError>,
) -> Result<(), StoreViolation> {
    let mut expected: Vec<(Subject, Vec<Revocation>)> = Vec::new();
    compare(&open, "nothing", &expected).await?;
    for (what, subject, entries) in steps() {
        let failed = |error| StoreViolation::Failed { what, error };
        let store = open().await.map_err(failed)?;
        store.replace(&subject, &entries).await.map_err(failed)?;
        drop(store);
        expected.retain(|(held, _)| *held != subject);
        expected.push((subject, entries));
        compare(&open, what, &expected).await?;
    }
    Ok(())
}

/// Opens the store and compares what it has.
async fn compare<S: RevocationStore>(
    open: &impl AsyncFn() -> Result<S, StoreError>,
    what: &'static str,
    expected: &[(Subject, Vec<Revocation>)],
) -> Result<(), StoreViolation> {
    let failed = |error| StoreViolation::Failed { what, error };
    let store = open().await.map_err(failed)?;
    let found = sorted(store.load().await.map_err(failed)?);
    let expected = expected.iter().flat_map(|(_, entries)| entries.clone());
    let expected = sorted(expected.collect());
    if found == expected {
        return Ok(());
    }
    Err(StoreViolation::Differs {
        what,
        expected,
        found,
    })
}

fn sorted(mut entries: Vec<Revocation>) -> Vec<Revocation> {
    entries.sort_by_cached_key(|entry| format!("{entry:?}"));
    entries
}

type Step = (&'static str, Subject, Vec<Revocation>);

/// What is given to the store, one after another.
fn steps() -> Vec<Step> {
    // All names are valid, and the check goes on without one that is not.
    names().map(steps_about).unwrap_or_default()
}

fn names() -> Result<[UserId; 2], InvalidIdentity> {
    let strange = "it's a \"user\"; DROP TABLE -- ü, 名, %_:*{}[]\\/";
    Ok([UserId::new("ann")?, UserId::new(strange)?])
}

fn steps_about([ann, strange]: [UserId; 2]) -> Vec<Step> {
    let user = Subject::User(ann.clone());
    let revoked = Revocation::user(ann.clone());
    let older = revoked.clone().issued_before(1_000);
    let banned = revoked.clone().ban().reason("cheating, \"again\"\nü");
    let for_a_while = banned.clone().issued_before(2_000).until(FAR);
    let token = Revocation::token("ann");
    let long = Revocation::token("t".repeat(128)).until(FAR);
    let everyone = Revocation::new(Subject::Everyone).issued_before(7);
    vec![
        ("a revocation", user.clone(), vec![revoked.clone()]),
        (
            "a ban beside the revocation of the same user",
            user.clone(),
            vec![revoked.clone(), banned.clone()],
        ),
        (
            "all four shapes of one user",
            user.clone(),
            vec![revoked.clone(), older, banned, for_a_while.clone()],
        ),
        (
            "a token of the same name as the user",
            token.subject.clone(),
            vec![token.clone()],
        ),
        ("everyone", everyone.subject.clone(), vec![everyone.clone()]),
        (
            "a user with a strange name",
            Subject::User(strange.clone()),
            vec![Revocation::user(strange).reason("")],
        ),
        ("a long token", long.subject.clone(), vec![long]),
        (
            "fewer and milder entries of the user than before",
            user.clone(),
            vec![for_a_while.clone().until(FAR - 1)],
        ),
        (
            "the same entries of the user once more",
            user.clone(),
            vec![for_a_while.until(FAR - 1)],
        ),
        ("no entries of the user any more", user.clone(), Vec::new()),
        ("no entries of the user once more", user.clone(), Vec::new()),
        ("a restored user again", user, vec![revoked]),
        (
            "no entries of everyone any more",
            everyone.subject,
            Vec::new(),
        ),
        (
            "no entries of the token any more",
            token.subject,
            Vec::new(),
        ),
    ]
}
