//! What the operator may write: one strict shape for each action.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};

use super::answer::Failure;
use crate::{
    auth::Credential,
    drain::Drain,
    identity::{ConnectionId, UserId},
    revocation::{Revocation, Subject},
};

/// Longest reason in characters.
const REASON_MAX_CHARACTERS: usize = 200;
/// Longest token id in bytes.
const TOKEN_ID_MAX_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    user: Option<String>,
    token_id: Option<String>,
    session: Option<u64>,
    everyone: Option<bool>,
    issued_before: Option<u64>,
    until: Option<u64>,
    ban: Option<bool>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    user: Option<String>,
    token_id: Option<String>,
    everyone: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kick {
    user: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Emptying {
    deadline_seconds: Option<f64>,
    exit: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    token: Option<String>,
}

/// The body of `POST /v1/revoke`.
pub fn revocation(body: &[u8], unix_now: u64) -> Result<Revocation, Failure> {
    let Revoke {
        user,
        token_id,
        session,
        everyone,
        issued_before,
        until,
        ban,
        reason,
    } = object(body)?;
    let subject = exactly_one(
        [
            user_subject(user)?,
            token_subject(token_id)?,
            session.map(|number| Subject::Session(ConnectionId::from_u64(number))),
            everyone_subject(everyone),
        ],
        "exactly one of user, token_id, session, everyone is required",
    )?;
    let ban = ban.unwrap_or(false);
    let bars = issued_before.is_some() || until.is_some() || ban;
    if bars && matches!(subject, Subject::Session(_)) {
        return Err(Failure::bad_request(
            "a session bars nobody: it takes no issued_before, until or ban",
        ));
    }
    if until.is_some_and(|until| until <= unix_now) {
        return Err(Failure::bad_request("until must be in the future"));
    }
    let mut entry = Revocation::new(subject);
    entry.issued_before = issued_before;
    entry.until = until;
    entry.reason = checked_reason(reason)?;
    Ok(if ban { entry.ban() } else { entry })
}

/// The body of `POST /v1/restore`.
pub fn restoration(body: &[u8]) -> Result<Subject, Failure> {
    let Restore {
        user,
        token_id,
        everyone,
    } = object(body)?;
    exactly_one(
        [
            user_subject(user)?,
            token_subject(token_id)?,
            everyone_subject(everyone),
        ],
        "exactly one of user, token_id, everyone is required",
    )
}

/// The body of `POST /v1/kick`: whom, and the words for the player.
pub fn kick(body: &[u8]) -> Result<(UserId, Option<String>), Failure> {
    let Kick { user, reason } = object(body)?;
    let user = user.ok_or_else(|| Failure::bad_request("user is required"))?;
    Ok((checked_user(user)?, checked_reason(reason)?))
}

/// The body of `POST /v1/drain`: the deadline, if it names one, and whether the app shall exit.
pub fn drain(body: &[u8]) -> Result<(Option<Duration>, bool), Failure> {
    let Emptying {
        deadline_seconds,
        exit,
    } = object(body)?;
    let deadline = deadline_seconds.map(|seconds| {
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|deadline| *deadline <= Drain::LONGEST)
            .ok_or_else(|| {
                let most = Drain::LONGEST.as_secs();
                Failure::bad_request(format!("deadline_seconds: must be within 0 to {most}"))
            })
    });
    Ok((deadline.transpose()?, exit.unwrap_or(false)))
}

/// The body of `POST /v1/ticket`: a player's token.
pub fn exchange(body: &[u8]) -> Result<Credential, Failure> {
    let Exchange { token } = object(body)?;
    let token = token.ok_or_else(|| Failure::bad_request("token is required"))?;
    Ok(Credential::new(token))
}

/// An object and nothing else: a list in the order of the members would be taken as well.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::bad_request("the body must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| Failure::bad_request(error.to_string()))
}

fn exactly_one<const N: usize>(
    subjects: [Option<Subject>; N],
    rule: &'static str,
) -> Result<Subject, Failure> {
    let mut named = subjects.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(subject), None) => Ok(subject),
        _ => Err(Failure::bad_request(rule)),
    }
}

fn user_subject(user: Option<String>) -> Result<Option<Subject>, Failure> {
    user.map(|user| checked_user(user).map(Subject::User))
        .transpose()
}

fn token_subject(token_id: Option<String>) -> Result<Option<Subject>, Failure> {
    match token_id {
        Some(id) if !(1..=TOKEN_ID_MAX_BYTES).contains(&id.len()) => Err(Failure::bad_request(
            format!("token_id: must have 1 to {TOKEN_ID_MAX_BYTES} bytes"),
        )),
        id => Ok(id.map(|id| Subject::Token(id.into()))),
    }
}

fn everyone_subject(everyone: Option<bool>) -> Option<Subject> {
    everyone.unwrap_or(false).then_some(Subject::Everyone)
}

fn checked_user(user: String) -> Result<UserId, Failure> {
    UserId::new(user).map_err(|error| Failure::bad_request(format!("user: {error}")))
}

fn checked_reason(reason: Option<String>) -> Result<Option<String>, Failure> {
    let allowed = |reason: &String| {
        reason.chars().count() <= REASON_MAX_CHARACTERS && !reason.chars().any(char::is_control)
    };
    if reason.as_ref().is_some_and(|reason| !allowed(reason)) {
        return Err(Failure::bad_request(format!(
            "reason: must have at most {REASON_MAX_CHARACTERS} characters and no control characters"
        )));
    }
    Ok(reason)
}
