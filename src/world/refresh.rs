//! A session goes on with another token of its user.

use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;

use super::bouncer::Bouncer;
use crate::{
    auth::Credential,
    bridge::Notice,
    connection::{Fence, Followed},
    identity::{ConnectionId, DisconnectReason, Refusal, RefusalKind},
};

/// A player's token will expire soon: [`Limits::expiry_warning`](crate::Limits::expiry_warning) before
/// that. Ask the client for another one in the game's own words, and give it to
/// [`PlayerCommands::refresh`](crate::PlayerCommands::refresh).
///
/// ```
/// use bevy_bouncer::{ClientFrame, Credential, Outbox, PlayerCommands, Refreshed, TokenExpiring};
/// use bevy_ecs::prelude::*;
///
/// fn ask(expiring: On<TokenExpiring>, mut outbox: Outbox) -> Result {
///     outbox.send(expiring.entity, "token?")?;
///     Ok(())
/// }
///
/// fn take(mut frames: MessageReader<ClientFrame>, mut commands: Commands) {
///     for frame in frames.read() {
///         if let Some(token) = frame.payload.as_text().and_then(|text| text.strip_prefix("token ")) {
///             commands.entity(frame.entity).refresh(Credential::new(token));
///         }
///     }
/// }
///
/// fn tell(refreshed: On<Refreshed>, mut outbox: Outbox) -> Result {
///     let answer = if refreshed.result.is_ok() { "thank you" } else { "that one is no good" };
///     outbox.send(refreshed.entity, answer)?;
///     Ok(())
/// }
/// ```
#[derive(EntityEvent, Debug, Clone, Copy, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct TokenExpiring {
    /// The player.
    pub entity: Entity,
    /// When the session ends (unix seconds), [`expiry_grace`](crate::Limits::expiry_grace) included.
    pub ends_at: u64,
}

/// What came of [`PlayerCommands::refresh`](crate::PlayerCommands::refresh).
#[derive(EntityEvent, Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct Refreshed {
    /// The player.
    pub entity: Entity,
    /// When the token expires (unix seconds; `None` never), or why it was refused. The session then
    /// lasts on the token before, unless it has ended.
    pub result: Result<Option<u64>, Refusal>,
}

impl Bouncer {
    /// When the token of a session expires (unix seconds). `None` when it does not, or when there is no such
    /// session.
    pub fn expires_at(&self, connection: ConnectionId) -> Option<u64> {
        let session = self.server().registry.session(connection)?;
        session.token().expires_at
    }

    /// Lets a session last on another token of the same user: the token goes through all that it would
    /// go through at the door, and from then on only the new one counts: the session ends with it, and
    /// revoking the one before does not end it. The player's entity gets the user and the directory's components
    /// that go with the new token: see [`UserChanged`](crate::UserChanged). Giving the same token again changes nothing
    /// else. Returns when the token expires. To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// What the door would say. The session goes on with the token that it has, except that the token of
    /// another user ends it with 4410, a user who is disabled by now leaves with 4403, and one who does
    /// not exist any more with 4404. 401 also when there is no such session; 429 within
    /// [`refresh_pause`](crate::Limits::refresh_pause) of the last attempt. A token that gets 401 costs the player's
    /// address as much as it would at the door, and from then on each attempt of the session costs a handshake: 429 when
    /// the address has none left.
    pub async fn refresh(
        &self,
        connection: ConnectionId,
        token: &Credential,
    ) -> Result<Option<u64>, Refusal> {
        let server = self.server();
        let registry = &server.registry;
        let handle = registry
            .session(connection)
            .filter(|handle| handle.is_live())
            .ok_or_else(|| Refusal::unauthorized("there is no such session"))?;
        let pause = server.config.limits.refresh_pause;
        let too_many = || Refusal::from(RefusalKind::TooManyAttempts);
        let attempt = handle
            .may_refresh(pause)
            .map_err(|wait| too_many().retry_after(wait))?;
        if handle.has_guessed() {
            server.handshakes.charge(handle.peer.ip().into())?;
        }
        let look = handle.look();
        let end = |close_reason| registry.leave(&handle, close_reason, Fence::Now);
        let admission = match server.authenticate(token, handle.peer).await {
            Ok(admission) => admission,
            Err(refusal) => {
                if refusal.kind() == RefusalKind::Unauthorized {
                    handle.note_guess();
                    let price = server.config.limits.failed_handshake_price;
                    server.handshakes.penalize(handle.peer.ip().into(), price);
                }
                if let Some(close_reason) = refusal.ends_a_session() {
                    end(close_reason);
                }
                return Err(refusal);
            }
        };
        if admission.user.id() != handle.user_id() {
            end(DisconnectReason::RefreshUserMismatch.into());
            return Err(Refusal::unauthorized("the token is another user's"));
        }
        if let Some(node) = server.node() {
            let (user, token) = (handle.user_id(), &admission.token);
            node.check_barred(user, token).await?;
        }
        if !handle.is_last(attempt) {
            return Err(too_many().because("another token came meanwhile"));
        }
        let expires_at = admission.token.expires_at;
        registry.renew(&handle, admission.token.clone())?;
        if registry.follow(&handle, look, admission) == Followed::Overtaken {
            handle.recheck_now();
        }
        tracing::debug!(user = %handle.user_id(), %connection, "a session has another token");
        Ok(expires_at)
    }
}

/// Checks another token for a session, beside the game. What comes of it is a [`Refreshed`].
pub(super) fn start(world: &World, connection: ConnectionId, token: Credential) {
    let bouncer = world.resource::<Bouncer>().clone();
    // Where there is a session, there is a runtime.
    let Some(runtime) = bouncer.server().runtime.get().cloned() else {
        return;
    };
    runtime.spawn(async move {
        let result = bouncer.refresh(connection, &token).await;
        let notice = Notice::Refreshed {
            id: connection,
            result,
        };
        bouncer.server().registry.notices.put(notice);
    });
}
