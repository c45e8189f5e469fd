//! Whether a moderator is above somebody, who may be away.
//!
//! Nobody touches a peer or a superior. Who is here is known, and so is who is on another node, while this node hears of
//! the others. Everybody else is looked up in the directory, beside the frame; what was heard of them before is no proof.
//! Somebody of whom the directory cannot tell counts as a superior to moderators, and admins may.

use bevy_bouncer::{DirectoryError, Known, UserId};
use bevy_bouncer_protocol::ErrorCode;

use crate::{
    context::{ChatContext, asker::Moderator},
    model::{
        fleet_presence::FleetPresence,
        role::{ADMIN, MODERATOR, rank_of},
    },
    protocol::Denied,
};

/// Whom a decision is about.
pub(crate) struct Target {
    pub user: UserId,
    /// The rank of back then, which counts when nobody knows the user any more.
    rank_then: Option<u8>,
}

impl From<UserId> for Target {
    fn from(user: UserId) -> Self {
        let rank_then = None;
        Self { user, rank_then }
    }
}

impl Target {
    /// The author of a message, who had this rank.
    pub fn author(user: UserId, rank_then: u8) -> Self {
        let rank_then = Some(rank_then);
        Self { user, rank_then }
    }
}

/// What the directory said.
pub(crate) type LookedUp = Result<Known, DirectoryError>;

/// Refuses everybody but moderators.
pub(crate) fn check_moderator(moderator: &Moderator) -> Result<(), Denied> {
    if moderator.rank() < MODERATOR {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(())
}

/// The rank of somebody who is here or on another node, the highest of all sessions: one that is older than a promotion
/// hides none that is newer.
pub(crate) fn present_rank(context: &ChatContext, user: &UserId) -> Option<u8> {
    let presence = context.world.resource::<FleetPresence>();
    let elsewhere = presence.rank_of(user).filter(|_| presence.is_current());
    context.rank_here(user).max(elsewhere)
}

pub(crate) fn check_rank(moderator: &Moderator, rank: u8) -> Result<(), Denied> {
    if !moderator.is_above(rank) {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(())
}

/// Refuses a moderator who is not above the target. Whoever is no moderator any more is above nobody.
pub(crate) fn check_above(
    context: &ChatContext,
    moderator: &Moderator,
    target: &Target,
    found: &LookedUp,
) -> Result<(), Denied> {
    if let Some(rank) = present_rank(context, &target.user) {
        return check_rank(moderator, rank);
    }
    if let Ok(Known::User(user)) = found {
        return check_rank(moderator, rank_of(user));
    }
    if let Err(error) = found {
        tracing::warn!(user = %target.user, %error, "a user who is away could not be looked up");
    }
    if let Some(rank) = target.rank_then {
        check_rank(moderator, rank)?;
    }
    match found {
        _ if moderator.rank() == ADMIN => Ok(()),
        Ok(_) if target.rank_then.is_some() => Ok(()),
        Ok(Known::Missing) => Err(ErrorCode::UnknownUser.into()),
        _ => Err(ErrorCode::Forbidden.into()),
    }
}
