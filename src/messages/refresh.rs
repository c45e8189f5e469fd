//! A new token for a session that goes on.

use std::time::Duration;

use bevy_bouncer_protocol::{Ack, ErrorCode, ServerMessage};
use bevy_ecs::prelude::*;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    answer::{self, Denied, json},
    speaks,
};
use crate::{
    auth::Credential,
    identity::{ConnectionId, Refusal, RefusalKind},
    util::milliseconds_until,
    world::{Bouncer, Connection, Outbox, TokenExpiring},
};

/// Answers that wait for the frame. Tasks wait for room.
const WAITING: usize = 1024;
/// When a token may be tried again, unless the refusal says better.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What came of a token, for the request with this id that came through this connection.
struct Answer {
    player: Entity,
    connection: ConnectionId,
    id: Option<String>,
    result: Result<Option<u64>, Refusal>,
}

/// Where checks of tokens leave their results.
#[derive(Resource)]
pub(crate) struct RefreshAnswers {
    sender: mpsc::Sender<Answer>,
    receiver: mpsc::Receiver<Answer>,
}

impl Default for RefreshAnswers {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver }
    }
}

/// Asks a player for a new token.
pub(super) fn ask_for_token(
    expiring: On<TokenExpiring>,
    connections: Query<&Connection>,
    mut outbox: Outbox,
) {
    if connections.get(expiring.entity).is_ok_and(speaks) {
        let message = ServerMessage::Expiring {
            ends_at: expiring.ends_at,
            left_ms: milliseconds_until(expiring.ends_at),
        };
        // What does not fit is in the log, and counted.
        let _ = outbox.send(expiring.entity, json(&message));
    }
}

/// `auth.refresh`: checked beside the frame.
pub(super) fn start(
    world: &World,
    player: Entity,
    id: Option<String>,
    fields: &Map<String, Value>,
) -> Result<(), Denied> {
    let token = fields.get("token").and_then(Value::as_str);
    let token = Credential::new(token.ok_or((ErrorCode::BadRequest, None))?);
    let connection = world.get::<Connection>(player);
    let connection = connection.ok_or((ErrorCode::BadToken, None))?.id();
    let bouncer = world.resource::<Bouncer>().clone();
    // Where there is a session, there is a runtime.
    let runtime = bouncer.server().runtime.get().cloned();
    let runtime = runtime.ok_or((ErrorCode::Unavailable, None))?;
    let answers = world.resource::<RefreshAnswers>().sender.clone();
    runtime.spawn(async move {
        let result = bouncer.refresh(connection, &token).await;
        // The app has ended when nobody takes it.
        let answer = Answer {
            player,
            connection,
            id,
            result,
        };
        let _ = answers.send(answer).await;
    });
    Ok(())
}

/// Whether tokens were checked.
pub(super) fn has_answers(answers: Res<RefreshAnswers>) -> bool {
    !answers.receiver.is_empty()
}

/// Tells players what came of their tokens.
pub(super) fn answer(world: &mut World) {
    for _ in 0..WAITING {
        let mut answers = world.resource_mut::<RefreshAnswers>();
        let Ok(answer) = answers.receiver.try_recv() else {
            return;
        };
        let Answer {
            player, id, result, ..
        } = answer;
        // Whoever goes on through another connection has asked nothing there.
        let connection = world.get::<Connection>(player).map(Connection::id);
        if connection != Some(answer.connection) {
            continue;
        }
        let result = result.map(|exp| Ack {
            exp,
            expires_in_ms: exp.map(milliseconds_until),
            ..Default::default()
        });
        answer::answer(
            world,
            player,
            id,
            result.map_err(|refusal| denied(&refusal)),
        );
    }
}

/// A token is good or bad, or may be tried again.
fn denied(refusal: &Refusal) -> Denied {
    let code = match refusal.kind() {
        RefusalKind::TooManyAttempts => ErrorCode::RateLimited,
        RefusalKind::Unavailable | RefusalKind::Capacity => ErrorCode::Unavailable,
        _ => return (ErrorCode::BadToken, None),
    };
    (code, Some(refusal.retry_delay().unwrap_or(TRY_AGAIN)))
}
