//! `GET /healthz`, for load balancers: it has a budget of its own, so that it is answered also to an
//! address that has spent its handshakes.

use std::time::Duration;

use tokio::{io::AsyncRead, time::timeout};

use super::{Door, caller::Caller, response::Answer, stopped::Stopped};
use crate::{
    http::{Head, Method, head},
    identity::Refusal,
};

const PATH: &str = "/healthz";
/// How a health check starts, and how long it may take to.
const START: &[u8] = b"GET /healthz";
const START_TIMEOUT: Duration = Duration::from_millis(500);

/// Reads the head. An address that has spent its handshakes is heard no further than to know whether
/// this is a health check: `GET /ws` is refused at the `w`.
pub(super) async fn read_head<S: AsyncRead + Unpin>(
    door: &Door,
    stream: &mut S,
    caller: &mut Caller<'_>,
) -> Result<Head, Stopped> {
    let limits = door.limits.head();
    let spent = caller.visitor.as_ref().and_then(|visitor| {
        let refusal = visitor.budget.clone().err()?;
        Some((visitor.address, refusal))
    });
    let Some((address, refusal)) = spent else {
        return Ok(head::read_head(stream, limits).await?);
    };
    caller.origin = door.gate.readers().map(str::to_owned);
    let start = timeout(START_TIMEOUT, head::read_start(stream, START)).await;
    let start = start.unwrap_or(Ok(None))?.ok_or(refusal)?;
    door.gate.charge_health_check(address)?;
    Ok(head::read_rest(stream, start, limits).await?)
}

/// Whether this is a health check.
pub(super) fn is_check(head: &Head) -> bool {
    head.path == PATH && head.method == Method::Get
}

/// Answers a health check, and charges it unless that was done before its head was read.
///
/// # Errors
/// 503 when the server cannot tell yet who is barred, 429 when the address has asked too often.
pub(super) fn answer(door: &Door, caller: &Caller<'_>) -> Result<Answer, Refusal> {
    door.server.check_loaded()?;
    match &*caller.visitor {
        None => door.gate.charge_health_check(caller.address)?,
        Some(visitor) if visitor.budget.is_ok() => {
            door.gate.exchange_for_health_check(caller.address)?;
        }
        // Charged before its head was read.
        Some(_) => {}
    }
    Ok(Answer::healthy())
}
