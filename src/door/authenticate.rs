//! From the credential of a request to a verified player: a token is checked, a ticket is redeemed.

use std::net::SocketAddr;

use super::{
    Door,
    credential::{self, Carrier},
};
use crate::{
    auth::{Credential, HandshakeRequest, TicketUse, hash_of},
    http::{Head, remove_hops},
    identity::{Admission, Refusal, RefusalKind},
};

/// Takes the credential out of the request and has it checked; a refused one costs its address a
/// penalty. With the subprotocol to name in the `101`.
///
/// # Errors
/// 400 and 401 for what cannot be a credential, or what the authenticator says.
pub(super) async fn authenticate(
    door: &Door,
    peer: SocketAddr,
    mut head: Head,
    ticket_use: TicketUse,
) -> Result<(Option<String>, Admission), Refusal> {
    let penalize = |refusal: &Refusal| {
        if refusal.kind() == RefusalKind::Unauthorized {
            door.gate.penalize(peer);
        }
    };
    let subprotocols = &door.server.config.subprotocols;
    let presented =
        credential::take(&mut head, subprotocols, door.limits.token_bytes).inspect_err(penalize)?;
    remove_hops(&mut head.headers);
    let is_guess = presented.credential.is_some();
    let verified = match presented.credential {
        Some((Carrier::Ticket, ticket)) => redeem(door, &ticket, ticket_use).await,
        token => {
            let request = HandshakeRequest {
                peer,
                path: head.path,
                headers: head.headers,
                credential: token.map(|(_, token)| token),
            };
            door.server.auth.authenticate(&request).await
        }
    };
    if is_guess && let Err(refusal) = &verified {
        penalize(refusal);
    }
    Ok((presented.subprotocol, verified?))
}

/// Redeems a ticket. Much may have happened since it was issued, so its user is looked up again.
async fn redeem(
    door: &Door,
    ticket: &Credential,
    ticket_use: TicketUse,
) -> Result<Admission, Refusal> {
    let tickets = &door.server.tickets;
    let admission = match door.server.node() {
        None => tickets.redeem(ticket, ticket_use)?,
        Some(node) => {
            let shared = node.ticket(&hash_of(ticket), ticket_use).await?;
            match ticket_use {
                TicketUse::Peek => shared,
                // With its components, when it was issued here.
                TicketUse::Take => tickets.take_own(ticket).unwrap_or(shared),
            }
        }
    };
    door.server.auth.readmit(admission).await
}
