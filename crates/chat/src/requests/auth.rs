//! A new token for a session that goes on.

use std::time::Duration;

use bevy_bouncer::{Bouncer, Connection, Credential, Refusal, RefusalKind};
use bevy_bouncer_protocol::{Ack, ErrorCode, Token};

use crate::{
    context::{Answer, Asker, ChatContext, Reply},
    deferred::defer,
    protocol::Denied,
};

/// When a token may be tried again, unless the refusal says better.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// `auth.refresh`
pub(crate) fn refresh(context: &mut ChatContext, asker: &Asker, token: Token) -> Answer {
    let connection = context.world.get::<Connection>(asker.player);
    let connection = connection.ok_or(ErrorCode::BadToken)?.id();
    let bouncer = context.world.resource::<Bouncer>().clone();
    let token = Credential::new(token.expose());
    let (player, id) = (asker.player, asker.id.clone());
    let refreshed = async move { bouncer.refresh(connection, &token).await };
    defer(context.world, refreshed, move |context, refreshed| {
        let result = match refreshed {
            Ok(exp) => Ok(Ack {
                exp,
                ..Default::default()
            }),
            Err(refusal) => Err(denied(&refusal)),
        };
        context.answer(player, id, result);
    });
    Ok(Reply::Deferred)
}

/// A token is good or bad, or may be tried again.
fn denied(refusal: &Refusal) -> Denied {
    let code = match refusal.kind() {
        RefusalKind::TooManyAttempts => ErrorCode::RateLimited,
        RefusalKind::Unavailable | RefusalKind::Capacity => ErrorCode::Unavailable,
        _ => return ErrorCode::BadToken.into(),
    };
    Denied::after(code, refusal.retry_delay().unwrap_or(TRY_AGAIN))
}
