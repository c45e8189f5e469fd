//! Players who come, come back, and have to show a new token.

use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;

use super::{
    ChatSettings,
    desk::{Answer, Asker, Desk, Reply},
    error_code::{Denied, ErrorCode},
    later::answer_later,
    members::{InRooms, RoomMembers},
    options::ChatOptions,
    people::People,
    presence::Untold,
    rank::rank_of,
    room::Room,
    told::{Ack, Limits, Reconnect, SelfUser, Told, milliseconds},
};
use bevy_bouncer::{
    Bouncer, Connection, Credential, LinkRestored, Outbox, Players, Refusal, RefusalKind,
    TokenExpiring, User, UserId,
};

/// When a token may be tried again, unless somebody says better.
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub(super) fn hello(
    joined: On<Add<User>>,
    players: Query<(&User, &Connection)>,
    mut greeter: Greeter,
    outbox: Outbox,
) {
    if let Ok((user, connection)) = players.get(joined.entity) {
        greeter.meet(user);
        greeter.greet(joined.entity, user, connection, outbox);
    }
}

/// The connection is another one, and what was sent meanwhile is lost.
pub(super) fn hello_again(
    restored: On<LinkRestored>,
    players: Query<(&User, &Connection, Option<&InRooms>)>,
    mut rooms: Query<&mut RoomMembers>,
    greeter: Greeter,
    outbox: Outbox,
) {
    let Ok((user, connection, entered)) = players.get(restored.entity) else {
        return;
    };
    for room in entered.iter().flat_map(|entered| entered.iter()) {
        if let Ok(mut members) = rooms.get_mut(room) {
            members.group = None;
        }
    }
    greeter.greet(restored.entity, user, connection, outbox);
}

/// What is needed to greet somebody.
#[derive(bevy_ecs::system::SystemParam)]
pub(super) struct Greeter<'w> {
    settings: Res<'w, ChatSettings>,
    bouncer: Res<'w, Bouncer>,
    people: ResMut<'w, People>,
    players: Res<'w, Players>,
}

impl Greeter<'_> {
    /// Whoever was here can be moderated, also when they have left.
    fn meet(&mut self, user: &User) {
        let is_connected = |user: &UserId| !self.players.of(user).is_empty();
        let met = self
            .people
            .meet(user.id(), &self.settings.options, is_connected);
        if let Some(person) = met {
            person.update(user);
        }
    }

    fn greet(&self, player: Entity, user: &User, connection: &Connection, mut outbox: Outbox) {
        let options = &self.settings.options;
        let hello = Told::Hello {
            user: SelfUser {
                id: user.id().clone(),
                name: user.name().to_owned(),
                roles: user.roles().to_vec(),
            },
            rank: rank_of(user),
            exp: self.bouncer.expires_at(connection.id()),
            heartbeat_ms: milliseconds(options.heartbeat),
            reconnect: Reconnect {
                first_ms: milliseconds(options.reconnect_first),
                longest_ms: milliseconds(options.reconnect_longest),
            },
            limits: limits(options),
        };
        outbox.send(player, hello.json());
        let person = self.people.get(user.id());
        for (place, mute, left) in person.iter().flat_map(|person| person.mutes()) {
            let muted = Told::Muted {
                room: place.room().map(str::to_owned),
                left_ms: milliseconds(left),
                reason: mute.reason.clone(),
            };
            outbox.send(player, muted.json());
        }
    }
}

fn limits(options: &ChatOptions) -> Limits {
    Limits {
        text_length: options.text_length,
        burst: options.burst,
        messages_per_second: options.messages_per_second,
        rooms_per_player: options.rooms_per_player,
        history_page: options.history_page,
    }
}

/// Another name or other roles: some rooms may not be for this player any more.
pub(super) fn changed(
    changed: On<Insert<User>>,
    mut players: Query<(&User, &mut InRooms)>,
    mut rooms: Query<(&Room, &mut RoomMembers)>,
    mut people: ResMut<People>,
    mut untold: ResMut<Untold>,
    mut outbox: Outbox,
) {
    let player = changed.entity;
    let Ok((user, mut entered)) = players.get_mut(player) else {
        return;
    };
    if let Some(person) = people.get_mut(user.id()) {
        person.update(user);
    }
    entered.0.retain(|(entity, name)| {
        let Ok((room, mut members)) = rooms.get_mut(*entity) else {
            return false;
        };
        untold.0.insert(*entity);
        let may_stay = room.access.may_join(user);
        if may_stay {
            members.change(player, user);
        } else {
            members.remove(player);
            let closed = Told::Closed { room: name.clone() };
            outbox.send(player, closed.json());
        }
        may_stay
    });
}

pub(super) fn ask_for_token(expiring: On<TokenExpiring>, mut outbox: Outbox) {
    let told = Told::Expiring {
        ends_at: expiring.ends_at,
    };
    outbox.send(expiring.entity, told.json());
}

/// `auth.refresh`
pub(super) fn refresh(desk: &mut Desk, asker: &Asker, token: String) -> Answer {
    let connection = desk.world.get::<Connection>(asker.player);
    let connection = connection.ok_or(ErrorCode::BadToken)?.id();
    let bouncer = desk.world.resource::<Bouncer>().clone();
    let token = Credential::new(token);
    answer_later(desk.world, asker.player, asker.id.clone(), async move {
        match bouncer.refresh(connection, &token).await {
            Ok(exp) => Ok(Ack {
                exp,
                ..Default::default()
            }),
            Err(refusal) => Err(denied(&refusal)),
        }
    });
    Ok(Reply::Later)
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

/// A sign of life for those pages that cannot see a ping.
pub(super) fn beat(
    settings: Res<ChatSettings>,
    mut last: Local<Option<Instant>>,
    mut outbox: Outbox,
) {
    let now = Instant::now();
    if now.duration_since(*last.get_or_insert(now)) >= settings.options.heartbeat {
        *last = Some(now);
        outbox.broadcast(Told::Beat {}.json());
    }
}
