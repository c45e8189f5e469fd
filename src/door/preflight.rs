//! `<path>/preflight`: a page cannot read why its WebSocket was refused, so it asks here first.

use super::{Door, authenticate::authenticate, caller::Caller, response::Answer};
use crate::{
    auth::TicketUse,
    http::{Head, Method},
    identity::Refusal,
};

/// Answers 204 when an upgrade with the same credential would succeed now. Admits nobody, and uses no
/// ticket up.
///
/// # Errors
/// What the upgrade would be refused with.
pub(super) async fn answer(
    door: &Door,
    caller: &Caller<'_>,
    head: Head,
) -> Result<Answer, Refusal> {
    let origin = caller.origin.as_deref();
    match head.method {
        Method::Options => return Ok(Answer::preflight_options(origin)),
        Method::Get => {}
    }
    door.server.check_room()?;
    let (_, admission) = authenticate(door, caller.address, head, TicketUse::Peek).await?;
    let user = admission.user.id();
    door.server.check(user, &admission.token).await?;
    Ok(Answer::preflight_passed(origin))
}
