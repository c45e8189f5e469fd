//! A player's entity follows what the directory says of its user.

use bevy_ecs::{name::Name, prelude::*};
use bevy_reflect::prelude::*;

use super::roster::Roster;
use crate::identity::{ConnectionId, OwnedComponents, User};

/// A player has another [`User`] than before: another name, or other roles. The directory says so since the player was
/// checked again ([`Limits::recheck_interval`](crate::Limits::recheck_interval)), brought another token, or came back.
///
/// The entity has the new user and its `Name` by now, and the directory's components
/// ([`Standing::with`](crate::Standing::with)). `User` was inserted again: `On<Insert<User>>` is triggered before this
/// event, for those who join as well, and `On<Add<User>>` is not. The id is never another one.
///
/// ```
/// use bevy_bouncer::{Outbox, User, UserChanged};
/// use bevy_ecs::prelude::*;
///
/// fn tell(changed: On<UserChanged>, users: Query<&User>, mut outbox: Outbox) -> Result {
///     let user = users.get(changed.entity)?;
///     if user.has_role("moderator") && !changed.before.has_role("moderator") {
///         outbox.send(changed.entity, "you are a moderator now")?;
///     }
///     Ok(())
/// }
/// ```
#[derive(EntityEvent, Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct UserChanged {
    /// The player.
    pub entity: Entity,
    /// Who it was.
    pub before: User,
}

/// Gives a player what the directory said since the last time. Nothing happens when the player has left, or has
/// another connection by now: that one came with what the directory said later.
pub(super) fn take_news(world: &mut World, id: ConnectionId) {
    let mut roster = world.resource_mut::<Roster>();
    let entry = roster.get_mut(id);
    let Some(entry) = entry.filter(|entry| !entry.leaving && entry.inbound.handle.is_in()) else {
        return;
    };
    let Some((user, owned)) = entry.inbound.handle.take_news() else {
        return;
    };
    let entity = entry.entity;
    let before = std::mem::replace(&mut entry.owned, owned.clone());
    give(world, entity, user, &owned, &before);
}

/// Inserts the directory's components and the user, as far as they are others than those that the player has.
pub(super) fn give(
    world: &mut World,
    entity: Entity,
    user: User,
    owned: &OwnedComponents,
    owned_before: &OwnedComponents,
) {
    let Ok(mut player) = world.get_entity_mut(entity) else {
        return;
    };
    owned.give(&mut player, owned_before);
    if player.is_despawned() {
        return;
    }
    let before = player.get::<User>().cloned();
    if before.as_ref() == Some(&user) {
        return;
    }
    tracing::debug!(user = %user.id(), "a player's user is another one");
    // The game may call a player something else, until the user has another name.
    let is_renamed = before.as_ref().is_none_or(|it| it.name() != user.name());
    if is_renamed {
        let name = Name::new(user.name().to_owned());
        player.insert((name, user));
    } else {
        player.insert(user);
    }
    if let Some(before) = before
        && !player.is_despawned()
    {
        world.trigger(UserChanged { entity, before });
    }
}
