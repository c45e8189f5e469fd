//! The WebSocket upgrade: what the request must have (RFC 6455 §4.2.1), and the `101`.

use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};

use super::{
    Door, authenticate::authenticate, caller::Caller, reservation::Reservation, response::Answer,
    stopped::Stopped,
};
use crate::{
    auth::TicketUse,
    http::{Head, Method},
    identity::{Admission, Refusal, RefusalKind},
    transport::Transport,
    util::Counts,
};

/// A verified player, and the `101` that waits.
pub(super) struct Verified {
    pub answer: Answer,
    /// The subprotocol that the `101` names.
    pub subprotocol: Option<String>,
    pub admission: Admission,
}

/// Checks a request for an upgrade and verifies its player.
///
/// # Errors
/// 405, 426 and 400 for a request that is not an upgrade, 503 when there is no room, or what the
/// authenticator says.
pub(super) async fn verify(
    door: &Door,
    caller: &Caller<'_>,
    head: Head,
) -> Result<Verified, Refusal> {
    if head.method != Method::Get {
        return Err(RefusalKind::MethodNotAllowed.into());
    }
    let key = websocket_key(&head)?.to_owned();
    door.server.check_room()?;
    let (subprotocol, admission) =
        authenticate(door, caller.address, head, TicketUse::Take).await?;
    let answer = Answer::switching_protocols(&key, subprotocol.as_deref());
    Ok(Verified {
        answer,
        subprotocol,
        admission,
    })
}

/// Looks at the fence once more, then writes the `101`.
///
/// # Errors
/// The refusal of a player who was fenced meanwhile, or that the client is gone.
pub(super) async fn switch_protocols<S: Transport>(
    door: &Door,
    stream: &mut S,
    answer: &Answer,
    reservation: &Reservation,
    deadline: Instant,
) -> Result<(), Stopped> {
    if let Some(close_reason) = reservation.handle().fenced() {
        return Err(close_reason.refusal().into());
    }
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await
    };
    if !matches!(timeout_at(deadline, write).await, Ok(Ok(()))) {
        stream.reset_on_close();
        return Err(Stopped::Gone);
    }
    Counts::count(&door.server.counts.admitted);
    Ok(())
}

/// Checks the fields of the upgrade and gives the client's key, from which the `101` derives its
/// `Sec-WebSocket-Accept`.
///
/// # Errors
/// 426 when this is not an upgrade to WebSocket version 13, 400 when the key is malformed.
fn websocket_key(head: &Head) -> Result<&str, Refusal> {
    let connection = head.headers.get_all(CONNECTION).iter();
    let asks_to_upgrade = connection
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"));
    let to_websocket = head
        .header(UPGRADE)
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
    if !asks_to_upgrade || !to_websocket || head.header(SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(RefusalKind::UpgradeRequired.into());
    }
    head.header(SEC_WEBSOCKET_KEY)
        .filter(|key| is_websocket_key(key))
        .ok_or_else(|| Refusal::bad_request("Sec-WebSocket-Key must be 16 bytes in base64"))
}

/// 16 bytes in canonical base64 (RFC 4648 §4): 22 characters, of which the last carries two bits,
/// and the padding. `dGhlIHNhbXBsZSBub25jZQ==` is one; with `R` in place of its `Q`, four bits that
/// must be zero are not.
fn is_websocket_key(key: &str) -> bool {
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits.bytes().all(in_alphabet)
            && digits.ends_with(['A', 'Q', 'g', 'w'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn check(fields: &[(&'static str, &'static str)]) -> Result<String, u16> {
        websocket_key(&Head::get("/ws", fields))
            .map(str::to_owned)
            .map_err(|refusal| refusal.kind().status())
    }

    fn with(connection: &'static str, upgrade: &'static str, version: &'static str) -> u16 {
        let fields = [
            ("connection", connection),
            ("upgrade", upgrade),
            ("sec-websocket-version", version),
            ("sec-websocket-key", KEY),
        ];
        check(&fields).map_or_else(|status| status, |_| 101)
    }

    #[test]
    fn an_upgrade_may_be_written_in_many_ways() {
        assert_eq!(with("Upgrade", "websocket", "13"), 101);
        assert_eq!(with("keep-alive,\tUPGRADE", "WebSocket", "13"), 101);
        let two_fields = [
            ("connection", "keep-alive"),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        assert_eq!(check(&two_fields).as_deref(), Ok(KEY));
    }

    #[test]
    fn anything_else_asks_for_an_upgrade() {
        assert_eq!(check(&[]), Err(426));
        assert_eq!(with("close", "websocket", "13"), 426);
        assert_eq!(with("upgraded", "websocket", "13"), 426);
        assert_eq!(with("upgrade", "h2c", "13"), 426);
        assert_eq!(with("upgrade", "websocket, h2c", "13"), 426);
        assert_eq!(with("upgrade", "websocket", "8"), 426);
        assert_eq!(with("upgrade", "websocket", "013"), 426);
        assert_eq!(with("upgrade", "websocket", "13, 8"), 426);
    }

    #[test]
    fn the_key_is_sixteen_bytes_in_base64() {
        let upgrade = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
        ];
        assert_eq!(check(&upgrade), Err(400));
        for bad in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j-Q==",
            "dGhlIHNhbXBsZSBub25jZQ!!",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let mut fields = upgrade.to_vec();
            fields.push(("sec-websocket-key", bad));
            assert_eq!(check(&fields), Err(400), "{bad}");
        }
    }
}
