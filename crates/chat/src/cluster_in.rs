//! The start of a tick: what other nodes have told and decided.

use bevy_bouncer::{ClusterFrame, SharedStateChanged, SharedStateError, UserId};
use bevy_bouncer_protocol::ErrorCode;
use bevy_ecs::{prelude::*, system::SystemState};

use crate::{
    context::{ChatContext, change::Origin},
    model::{
        mutes::{MutedIn, StoredMute},
        room::{Room, RoomRules},
        users::Users,
    },
    protocol::unix_milliseconds,
    publish::{self, ChatEvent},
    shared::{
        SharedChat,
        change::SharedChange,
        mutes::MuteDecision,
        rules::{DecidedRules, RuleDecision},
    },
};

/// Whether what the archive knew is not shared yet, and could be.
pub(crate) fn has_unshared_mutes(shared: Option<Res<SharedChat>>) -> bool {
    shared.is_some_and(|shared| !shared.has_archive && shared.is_loaded())
}

/// Carries out what other nodes have told and decided.
pub(crate) fn receive(
    world: &mut World,
    changes: &mut SystemState<Option<MessageReader<SharedStateChanged>>>,
    frames: &mut SystemState<Option<MessageReader<ClusterFrame>>>,
) {
    let changes: Vec<SharedStateChanged> = match changes.get_mut(world) {
        Ok(Some(mut reader)) => reader.read().cloned().collect(),
        _ => Vec::new(),
    };
    let events: Vec<ChatEvent> = match frames.get_mut(world) {
        Ok(Some(mut reader)) => reader.read().filter_map(publish::open).collect(),
        _ => Vec::new(),
    };
    let mut context = ChatContext::new(world);
    for change in changes {
        let shared = context.world.resource::<SharedChat>();
        if let Some(change) = shared.read(&change) {
            apply(&mut context, change);
        }
    }
    share_archive(&mut context);
    for event in events {
        tell(&mut context, event);
    }
    context.finish();
}

fn tell(context: &mut ChatContext, event: ChatEvent) {
    let is_mute = matches!(event, ChatEvent::Muted(..));
    let Err(denied) = context.apply(event, Origin::OtherNode) else {
        return;
    };
    let code = denied.code.as_str();
    if is_mute {
        tracing::error!(code, "a mute of another node is lost here");
    } else {
        tracing::debug!(code, "what another node told has no place here");
    }
}

fn apply(context: &mut ChatContext, change: SharedChange) {
    match change {
        SharedChange::Deleted { room, mid } => tell(context, ChatEvent::Deleted { room, mid }),
        SharedChange::Rule {
            room,
            held,
            refused,
        } => {
            if let Some((wanted, error)) = refused
                && decide_rule_anew(context, &room, &wanted, error).is_ok()
            {
                return;
            }
            if let Some(held) = held
                && rule_holds_against_own(context, &room, &held)
            {
                tell(context, ChatEvent::Rule(room, held));
            }
        }
        SharedChange::Mute {
            user,
            room,
            held,
            refused,
        } => {
            if let Some((wanted, error)) = refused
                && decide_anew(context, &user, room.as_deref(), wanted, error).is_ok()
            {
                return;
            }
            if let Some((decision, left)) = held
                && holds_against_own(context, &user, room.as_deref(), &decision)
            {
                let event = if left.is_zero() {
                    ChatEvent::Unmuted {
                        user,
                        room,
                        by: decision.by,
                        by_rank: decision.by_rank,
                    }
                } else {
                    let by = decision.by.clone();
                    ChatEvent::Muted(decision.stored(user, room, left), by)
                };
                tell(context, event);
            }
        }
    }
}

/// Another node had decided before it knew what this one had. The mute counts, unless the end of it comes from above.
fn decide_anew(
    context: &ChatContext,
    user: &UserId,
    room: Option<&str>,
    wanted: MuteDecision,
    error: SharedStateError,
) -> Result<(), ErrorCode> {
    if error == SharedStateError::Full {
        tracing::error!(%user, "a mute holds on this node only: cluster.shared_entries is too low");
        return Ok(());
    }
    let shared = context.world.resource::<SharedChat>();
    let is_mute = wanted.until > 0;
    let is_above = |(held, _): (MuteDecision, _)| held.by_rank < wanted.by_rank;
    let counts = if is_mute {
        wanted.until > unix_milliseconds()
    } else {
        shared.mute(user, room).is_none_or(is_above)
    };
    let decided = if counts {
        shared.decide(user, room, wanted)
    } else {
        Err(ErrorCode::Forbidden)
    };
    if decided.is_err() {
        tracing::warn!(%user, room, "another node had decided otherwise about a mute, which counts");
    }
    decided
}

/// Whether a decision may take the place of the one that this node knows. If not, the own one is shared again.
fn holds_against_own(
    context: &ChatContext,
    user: &UserId,
    room: Option<&str>,
    decision: &MuteDecision,
) -> bool {
    let Some(own) = own_mute(context, user, room) else {
        return true;
    };
    if own.by_rank <= decision.outranks.max(decision.by_rank) {
        return true;
    }
    tracing::error!(%user, room, by = ?decision.by, "another node has replaced a mute from below, which is not taken");
    let shared = context.world.resource::<SharedChat>();
    if shared.decide(user, room, own).is_err() {
        tracing::error!(%user, "the mute holds on this node only");
    }
    false
}

/// The same of a rule: it counts unless it is the end of one that is not from below.
fn decide_rule_anew(
    context: &ChatContext,
    room: &str,
    wanted: &RuleDecision,
    error: SharedStateError,
) -> Result<(), ErrorCode> {
    if error == SharedStateError::Full {
        tracing::error!(
            room,
            "a rule holds on this node only: cluster.shared_entries is too low"
        );
        return Ok(());
    }
    let shared = context.world.resource::<SharedChat>();
    let held = shared.rule_like(room, wanted);
    let is_below = |held: RuleDecision| held.by_rank < wanted.by_rank;
    let counts = wanted.rule.is_active() || held.is_none_or(is_below);
    let decided = if counts {
        shared.decide_rule(room, wanted)
    } else {
        Err(ErrorCode::Forbidden)
    };
    if decided.is_err() {
        tracing::warn!(
            room,
            "another node had decided otherwise about a rule, which counts"
        );
    }
    decided
}

/// The same of a rule.
fn rule_holds_against_own(context: &ChatContext, room: &str, decision: &RuleDecision) -> bool {
    let entity = context.room_called(room);
    let decided = entity.and_then(|entity| context.world.get::<DecidedRules>(entity));
    let own = decided.and_then(|decided| decided.before(decision));
    let is_from_above = |own: &&RuleDecision| {
        own.is_from_above(decision.by_rank.max(decision.outranks)) && own.rule != decision.rule
    };
    let Some(own) = own.filter(is_from_above) else {
        return true;
    };
    tracing::error!(room, by = ?decision.by, "another node has replaced a rule from below, which is not taken");
    let shared = context.world.resource::<SharedChat>();
    if shared.decide_rule(room, own).is_err() {
        tracing::error!(room, "the rule holds on this node only");
    }
    false
}

fn own_mute(context: &ChatContext, user: &UserId, room: Option<&str>) -> Option<MuteDecision> {
    let record = context.world.resource::<Users>().get(user)?;
    let place = MutedIn::new(room.map(str::to_owned));
    let (_, mute, _) = record.mutes().find(|(own, ..)| **own == place)?;
    let stored = StoredMute {
        user: user.clone(),
        name: record.name.clone(),
        rank: record.rank,
        room: room.map(str::to_owned),
        by_rank: mute.by_rank,
        until: mute.until,
        reason: mute.reason.clone(),
    };
    Some(MuteDecision::mute(&stored, None))
}

/// Shares the mutes of the archive, once. What another node has decided about the same user counts more.
fn share_archive(context: &mut ChatContext) {
    let shared = context.world.resource::<SharedChat>();
    if shared.has_archive || !shared.is_loaded() {
        return;
    }
    let users = context.world.resource::<Users>();
    for (user, record) in users.iter() {
        for (place, ..) in record.mutes() {
            let room = place.room();
            if let Some(own) = own_mute(context, user, room)
                && shared.mute(user, room).is_none()
                && shared.decide(user, room, own).is_err()
            {
                tracing::error!(%user, "a mute of the archive is not shared");
            }
        }
    }
    context.world.resource_mut::<SharedChat>().has_archive = true;
}

/// A room is open: what moderators have decided about a room of this name holds in it.
pub(crate) fn on_room_opened(
    inserted: On<Insert<Room>>,
    mut rooms: Query<(&Room, &mut RoomRules)>,
    shared: Option<Res<SharedChat>>,
    mut commands: Commands,
) {
    let Ok((room, mut held)) = rooms.get_mut(inserted.entity) else {
        return;
    };
    let decisions = shared.iter().flat_map(|shared| shared.rules(room.name()));
    let mut decided = DecidedRules::default();
    let mut new = held.clone();
    for decision in decisions {
        new = new.changed(decision.rule);
        decided.put(decision);
    }
    held.set_if_neq(new);
    commands.entity(inserted.entity).insert(decided);
}
