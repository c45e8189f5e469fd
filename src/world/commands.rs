//! What the game asks for, as commands: of the server, and of one player.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::{bouncer::Bouncer, components::Connection, refresh, roster::dismiss};
use crate::{
    auth::Credential,
    drain::Drain,
    identity::{CloseReason, DisconnectReason, User, UserId},
    revocation::{Revocation, Subject},
    server::AUDIT,
};

/// The one command whose loss is no small matter.
const REVOKE: &str = "revoke";

/// [`Bouncer`] as commands.
///
/// A command has no answer. When a decision cannot be stored, the log has it, and the game reads
/// [`RevocationNotStored`](crate::RevocationNotStored), which says what becomes of it. To await the store, call
/// [`Bouncer`] and keep the [`Receipt`](crate::Receipt).
pub trait BouncerCommands {
    /// See [`Bouncer::revoke`].
    fn revoke(&mut self, revocation: impl Into<Revocation>);
    /// See [`Bouncer::restore`].
    fn restore(&mut self, subject: impl Into<Subject>);
    /// See [`Bouncer::kick`].
    fn kick(&mut self, user: UserId, message: Option<&str>);
    /// See [`Bouncer::drain`].
    fn drain(&mut self, drain: Drain);
}

impl BouncerCommands for Commands<'_, '_> {
    fn revoke(&mut self, revocation: impl Into<Revocation>) {
        let revocation = revocation.into();
        self.queue(move |world: &mut World| {
            // A failed store is in the log, and the game hears of it: see the trait.
            drop(world.resource::<Bouncer>().revoke(revocation));
        });
    }

    fn restore(&mut self, subject: impl Into<Subject>) {
        let subject = subject.into();
        self.queue(move |world: &mut World| {
            drop(world.resource::<Bouncer>().restore(subject));
        });
    }

    fn kick(&mut self, user: UserId, message: Option<&str>) {
        let message: Option<Arc<str>> = message.map(Arc::from);
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().kick(&user, message.as_deref());
        });
    }

    fn drain(&mut self, drain: Drain) {
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().drain(drain);
        });
    }
}

/// What a game asks for about one player.
///
/// For an entity that is not a player, or that is gone, nothing happens, and the log says so.
///
/// ```
/// use bevy_bouncer::{DisconnectReason, PlayerCommands};
/// use bevy_ecs::prelude::*;
///
/// #[derive(EntityEvent)]
/// struct Cheated {
///     entity: Entity,
/// }
///
/// fn ban(cheated: On<Cheated>, mut commands: Commands) {
///     let mut cheater = commands.entity(cheated.entity);
///     cheater.revoke(|user| user.ban().reason("cheating"));
/// }
///
/// fn end_match(players: Query<Entity, With<bevy_bouncer::User>>, mut commands: Commands) {
///     for player in players {
///         let mut player = commands.entity(player);
///         player.disconnect(DisconnectReason::Finished, Some("the match is over"));
///     }
/// }
/// ```
pub trait PlayerCommands {
    /// Ends this session, and no other one of its user. What was sent to the player before still goes out,
    /// then Close with the code of the reason, and the message at the end of its text. The entity is gone
    /// afterwards.
    fn disconnect(&mut self, reason: DisconnectReason, message: Option<&str>) -> &mut Self;

    /// Ends all sessions of the player's user with 4004, on every node: see [`Bouncer::kick`].
    fn kick(&mut self, message: Option<&str>) -> &mut Self;

    /// Bars the player's user and cuts all sessions at once: see [`Bouncer::revoke`]. The function gets
    /// `Revocation::user(…)` and makes of it what it shall be, for instance a ban.
    ///
    /// When the entry cannot be stored, the log has it, and the game reads
    /// [`RevocationNotStored`](crate::RevocationNotStored). A player who has left has no entity any more, and then
    /// no one is barred, which the audit log says: for a decision that comes later, keep the
    /// [`UserId`] and call [`BouncerCommands::revoke`].
    fn revoke(
        &mut self,
        entry: impl FnOnce(Revocation) -> Revocation + Send + 'static,
    ) -> &mut Self;

    /// Lets this session last on another token of its user. [`Refreshed`](crate::Refreshed) tells what came
    /// of it, some ticks later. [`Bouncer::refresh`] has the rules.
    fn refresh(&mut self, token: Credential) -> &mut Self;
}

impl PlayerCommands for EntityCommands<'_> {
    fn disconnect(&mut self, reason: DisconnectReason, message: Option<&str>) -> &mut Self {
        let close_reason = CloseReason {
            reason,
            message: message.map(Arc::from),
            lasts: None,
        };
        queue(self, "disconnect", |world, connection: &Connection| {
            dismiss(world, connection.id(), close_reason);
        })
    }

    fn kick(&mut self, message: Option<&str>) -> &mut Self {
        let message: Option<Arc<str>> = message.map(Arc::from);
        queue(self, "kick", move |world, user: &User| {
            let bouncer = world.resource::<Bouncer>();
            bouncer.kick(user.id(), message.as_deref());
        })
    }

    fn revoke(
        &mut self,
        entry: impl FnOnce(Revocation) -> Revocation + Send + 'static,
    ) -> &mut Self {
        queue(self, REVOKE, |world, user: &User| {
            let entry = entry(Revocation::user(user.id().clone()));
            // A failed store is in the log, and the game hears of it: see the trait.
            drop(world.resource::<Bouncer>().revoke(entry));
        })
    }

    fn refresh(&mut self, token: Credential) -> &mut Self {
        queue(self, "refresh", |world, connection: &Connection| {
            refresh::start(world, connection.id(), token);
        })
    }
}

/// Queues what is done with a component that every player has.
fn queue<'c, 'w, C: Component + Clone>(
    commands: &'c mut EntityCommands<'w>,
    what: &'static str,
    act: impl FnOnce(&mut World, &C) + Send + 'static,
) -> &'c mut EntityCommands<'w> {
    let entity = commands.id();
    commands.commands().queue(move |world: &mut World| {
        if let Some(component) = world.get::<C>(entity).cloned() {
            act(world, &component);
        } else if world.get_entity(entity).is_ok() {
            tracing::warn!(%entity, what, "a command has no effect: the entity is not a player");
        } else if what == REVOKE {
            tracing::warn!(target: AUDIT, %entity, "no one is revoked: the entity is gone");
        } else {
            // Not worth a warning: players leave at any time.
            tracing::debug!(%entity, what, "a command has no effect: the entity is gone");
        }
    });
    commands
}
