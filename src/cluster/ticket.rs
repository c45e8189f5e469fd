//! Tickets that are good on every node, once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::node::{Node, unavailable};
use crate::{
    auth::{TicketUse, in_time},
    identity::{Admission, Refusal, TokenFacts, User, UserId},
    util::Digest,
};

/// The admission that a ticket stands for, as the backplane keeps it: everything that is known but for components.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: UserId,
    name: String,
    roles: Vec<String>,
    token: Option<Arc<str>>,
    key: Option<Arc<str>>,
    issued_at: u64,
    expires_at: Option<u64>,
    claims: Option<Arc<str>>,
}

impl Node {
    /// Makes a ticket good on every node.
    pub async fn share_ticket(
        &self,
        hash: &Digest,
        admission: &Admission,
        lifetime: Duration,
    ) -> Result<(), Refusal> {
        let stored = serde_json::to_vec(&Stored {
            id: admission.user.id().clone(),
            name: admission.user.name().to_owned(),
            roles: admission.user.roles().to_vec(),
            token: admission.token.id.clone(),
            key: admission.token.key.clone(),
            issued_at: admission.token.issued_at,
            expires_at: admission.token.expires_at,
            claims: admission.token.claims.clone(),
        })
        .map_err(|error| unavailable(error.to_string()))?;
        self.client
            .ask(|backplane| backplane.put_ticket(hash, stored.into(), lifetime))
            .await
            .map_err(|error| unavailable(error.to_string()))
    }

    /// Whom a ticket lets in on any node.
    ///
    /// # Errors
    /// 401 when there is none, or it was used, or its time or that of its token is over; 503 when the
    /// backplane cannot tell.
    pub async fn ticket(&self, hash: &Digest, ticket_use: TicketUse) -> Result<Admission, Refusal> {
        let found = self
            .client
            .ask(|backplane| match ticket_use {
                TicketUse::Peek => backplane.look_at_ticket(hash),
                TicketUse::Take => backplane.take_ticket(hash),
            })
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        in_time(found.map(|stored| admission(&stored)).transpose()?)
    }
}

fn admission(stored: &Bytes) -> Result<Admission, Refusal> {
    let unreadable = || unavailable("a ticket of another node cannot be read");
    let stored: Stored = serde_json::from_slice(stored).map_err(|_| unreadable())?;
    let user = User::new(stored.id, stored.name)
        .and_then(|user| user.with_roles(stored.roles))
        .map_err(|_| unreadable())?;
    let mut admission = Admission::new(user);
    admission.token = TokenFacts {
        id: stored.token,
        key: stored.key,
        issued_at: stored.issued_at,
        expires_at: stored.expires_at,
        claims: stored.claims,
    };
    Ok(admission)
}
